#include "controller/store/compaction.hpp"

#include <algorithm>
#include <utility>

#include "controller/store/archive.hpp"

namespace unik::controller {
namespace {

// Carries out `work` as one transaction. Its own value is whether there may be more to do.
template <typename Work>
Result<bool> in_transaction(Database& database, Work work) {
  if (Result<void> begun = database.execute("BEGIN IMMEDIATE"); !begun) return std::move(begun).error();
  Result<bool> more = work();
  Result<void> done = more ? database.execute("COMMIT") : Result<void>(more.error());
  if (done) return more;
  // Some errors have rolled back already; a second rollback is then refused, which changes nothing.
  [[maybe_unused]] const Result<void> undone = database.execute("ROLLBACK");
  return std::move(done).error();
}

Result<std::optional<std::uint64_t>> first_number(Database& database, const std::string& sql) {
  Result<Statement> row = database.prepare(sql);
  if (!row) return std::move(row).error();
  const Result<bool> found = row->step();
  if (!found) return found.error();
  return *found ? std::optional(row->unsigned_integer(0)) : std::nullopt;
}

// Removes a part of the oldest base that does not count. False: there was none.
Result<bool> clear_debris(Database& database, std::size_t chunks) {
  const Result<std::optional<std::uint64_t>> base =
      first_number(database, "SELECT seq FROM bases WHERE complete = 0 ORDER BY seq LIMIT 1");
  if (!base) return base.error();
  if (!*base) return false;
  const std::string seq = std::to_string(**base);
  const std::string rows = "FROM base_rows WHERE base = " + seq;
  return in_transaction(database, [&]() -> Result<bool> {
    Result<void> done = database.execute("DELETE " + rows + " AND idx IN (SELECT idx " + rows + " ORDER BY idx LIMIT " +
                                         std::to_string(chunks) + ")");
    if (done)
      done = database.execute("DELETE FROM bases WHERE seq = " + seq + " AND NOT EXISTS (SELECT 1 " + rows + ")");
    if (!done) return std::move(done).error();
    return true;
  });
}

Result<bool> move_records(Database& database, std::uint64_t floor, std::size_t records) {
  // Before the first base that was written, it is the first record's age that counts.
  const Result<std::optional<std::uint64_t>> first =
      first_number(database, "SELECT seq FROM journal ORDER BY seq LIMIT 1");
  if (!first) return first.error();
  if (!*first || **first >= floor) return false;
  return in_transaction(database, [&]() -> Result<bool> {
    const Result<std::size_t> moved = archive_records(database, floor, records);
    if (!moved) return moved.error();
    return *moved > 0;
  });
}

Result<bool> forget_old_intents(Database& database, WallTime horizon, std::size_t records) {
  const Result<std::optional<std::uint64_t>> first = first_number(
      database, "SELECT at_us FROM intents WHERE seq < (SELECT max(seq) FROM intents) ORDER BY seq LIMIT 1");
  if (!first) return first.error();
  if (!*first || WallTime(Duration(static_cast<std::int64_t>(**first))) >= horizon) return false;
  return in_transaction(database, [&]() -> Result<bool> {
    const Result<std::size_t> dropped = forget_intents(database, horizon, records);
    if (!dropped) return dropped.error();
    return *dropped > 0;
  });
}

bool may_forget(const Base& base, const Head& head, const Retention& keep, WallTime now) {
  return head.world.revision - base.seq >= keep.records || now - base.at >= keep.transitions;
}

// History then begins at the newest base that leaves all that is to be kept. The records and bases before it become
// debris with this one step.
Result<bool> move_floor(Database& database, const std::vector<Base>& bases, const Head& head, const Retention& keep,
                        WallTime now) {
  const auto next =
      std::find_if(bases.rbegin(), bases.rend(), [&](const Base& base) { return may_forget(base, head, keep, now); });
  if (next == bases.rend() || next->seq == bases.front().seq) return false;
  return in_transaction(database, [&]() -> Result<bool> {
    Result<void> done = database.execute("UPDATE bases SET complete = 0 WHERE seq < " + std::to_string(next->seq));
    if (!done) return std::move(done).error();
    return true;
  });
}

Result<bool> is_base_due(Database& database, const std::vector<Base>& bases, const Head& head, const Retention& keep,
                         WallTime now) {
  const std::uint64_t records = head.world.revision - bases.back().seq;
  if (records == 0) return false;
  if (records >= keep.records / kBasesPerRetention) return true;
  const Result<std::optional<std::uint64_t>> first =
      first_number(database, "SELECT at_us FROM journal ORDER BY seq LIMIT 1");
  if (!first) return first.error();
  const WallTime since =
      bases.back().seq == 0 ? WallTime(Duration(static_cast<std::int64_t>(first->value_or(0)))) : bases.back().at;
  return now - since >= keep.transitions / kBasesPerRetention;
}

}  // namespace

bool is_intent(std::string_view actor) {
  return actor != "controller" && !actor.starts_with("node/");
}

Result<bool> Compactor::step(Database& database, const Head& head, const Retention& keep, WallTime now, Stride stride) {
  Result<bool> more = advance(database, head, keep, now, stride);
  if (!more) writing_.reset();
  return more;
}

// The first thing that there is to do. What is no longer needed goes before another base is begun.
Result<bool> Compactor::advance(Database& database, const Head& head, const Retention& keep, WallTime now,
                                Stride stride) {
  if (writing_) {
    const Result<bool> more =
        in_transaction(database, [&] { return writing_->write_chunk(database, stride.chunk_bytes); });
    if (more && !*more) writing_.reset();
    return more ? Result<bool>(true) : more;
  }
  const Result<std::vector<Base>> bases = complete_bases(database);
  if (!bases) return bases.error();
  Result<bool> done = move_floor(database, *bases, head, keep, now);
  if (done && !*done) done = clear_debris(database, stride.chunks);
  if (done && !*done) done = move_records(database, bases->front().seq, stride.records);
  if (done && !*done) done = forget_old_intents(database, now - keep.intents, stride.records);
  if (!done || *done) return done;
  const Result<bool> due = is_base_due(database, *bases, head, keep, now);
  if (due && *due) writing_.emplace(head.world, head.at, head.hash);
  return due;
}

}  // namespace unik::controller
