#include "controller/store/archive.hpp"

#include <string>
#include <utility>
#include <vector>

#include "controller/store/compaction.hpp"
#include "controller/store/records.hpp"

namespace unik::controller {
namespace {

// What leaves a table, as far as leaving needs it.
struct Leaving {
  std::uint64_t seq = 0;
  std::string hash;
  bool intent = false;
  std::vector<std::string> blobs;
};

// `rows` yields seq, hash, actor, changes.
Result<std::vector<Leaving>> read_leaving(Statement& rows) {
  std::vector<Leaving> leaving;
  while (true) {
    const Result<bool> row = rows.step();
    if (!row) return row.error();
    if (!*row) return leaving;
    leaving.push_back(
        {rows.unsigned_integer(0), std::string(rows.text(1)), is_intent(rows.text(2)), blobs_of(rows.text(3))});
  }
}

Result<std::string> last_link(Database& database) {
  Result<Statement> row = database.prepare("SELECT link FROM intents ORDER BY seq DESC LIMIT 1");
  if (!row) return std::move(row).error();
  const Result<bool> found = row->step();
  if (!found) return found.error();
  return *found ? std::string(row->text(0)) : kNoHash;
}

std::string linked(std::string_view prev_link, std::string_view hash) {
  return sha256(std::string(prev_link) + std::string(hash));
}

// Moves single records; its statements are prepared once for many.
class Mover {
 public:
  static Result<Mover> prepare(Database& database) {
    Mover mover;
    const std::pair<Statement Mover::*, const char*> all[] = {
        {&Mover::keep_, "INSERT INTO intents SELECT *, ?, ? FROM journal WHERE seq = ?"},
        {&Mover::drop_record_, "DELETE FROM journal WHERE seq = ?"},
        {&Mover::drop_intent_, "DELETE FROM intents WHERE seq = ?"},
        {&Mover::drop_use_, "DELETE FROM blob_uses WHERE hash = ? AND seq = ?"},
        {&Mover::drop_blob_,
         "DELETE FROM blobs WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM blob_uses WHERE hash = ?)"}};
    for (const auto& [place, sql] : all) {
      Result<Statement> statement = database.prepare(sql);
      if (!statement) return std::move(statement).error();
      mover.*place = std::move(statement).value();
    }
    return mover;
  }

  Result<void> keep(const Leaving& record, std::string_view prev_link, std::string_view link) {
    keep_.bind_blob(1, prev_link).bind_blob(2, link).bind(3, record.seq);
    if (Result<void> done = keep_.run(); !done) return done;
    return drop_record_.bind(1, record.seq).run();
  }
  Result<void> drop_record(const Leaving& record) {
    if (Result<void> done = drop_record_.bind(1, record.seq).run(); !done) return done;
    return drop_blobs(record);
  }
  Result<void> drop_intent(const Leaving& record) {
    if (Result<void> done = drop_intent_.bind(1, record.seq).run(); !done) return done;
    return drop_blobs(record);
  }

 private:
  Mover() : keep_(nullptr), drop_record_(nullptr), drop_intent_(nullptr), drop_use_(nullptr), drop_blob_(nullptr) {}

  Result<void> drop_blobs(const Leaving& record) {
    for (const std::string& hash : record.blobs) {
      if (Result<void> done = drop_use_.bind(1, hash).bind(2, record.seq).run(); !done) return done;
      if (Result<void> done = drop_blob_.bind_blob(1, unhex(hash)).bind(2, hash).run(); !done) return done;
    }
    return {};
  }

  Statement keep_, drop_record_, drop_intent_, drop_use_, drop_blob_;
};

Result<std::vector<Leaving>> leaving_of(Database& database, const std::string& sql, std::uint64_t bound,
                                        std::size_t limit) {
  Result<Statement> rows = database.prepare(sql);
  if (!rows) return std::move(rows).error();
  rows->bind(1, bound).bind(2, static_cast<std::int64_t>(limit));
  return read_leaving(*rows);
}

}  // namespace

Result<std::size_t> archive_records(Database& database, std::uint64_t floor, std::size_t limit) {
  const Result<std::vector<Leaving>> leaving = leaving_of(
      database, "SELECT seq, hash, actor, changes FROM journal WHERE seq < ? ORDER BY seq LIMIT ?", floor, limit);
  if (!leaving) return leaving.error();
  if (leaving->empty()) return std::size_t{0};
  Result<Mover> mover = Mover::prepare(database);
  if (!mover) return std::move(mover).error();
  Result<std::string> link = last_link(database);
  if (!link) return std::move(link).error();
  for (const Leaving& record : *leaving) {
    const std::string next = record.intent ? linked(*link, record.hash) : *link;
    if (Result<void> done = record.intent ? mover->keep(record, *link, next) : mover->drop_record(record); !done)
      return std::move(done).error();
    *link = next;
  }
  return leaving->size();
}

Result<std::size_t> forget_intents(Database& database, WallTime horizon, std::size_t limit) {
  // The oldest alone are looked at: their order is that of time but for clocks that jump. The newest one stays, since
  // the next one is linked to it.
  const Result<std::vector<Leaving>> leaving =
      leaving_of(database,
                 "SELECT seq, hash, actor, changes FROM (SELECT * FROM intents ORDER BY seq LIMIT ?2)"
                 " WHERE at_us < ?1 AND seq < (SELECT max(seq) FROM intents)",
                 static_cast<std::uint64_t>(horizon.time_since_epoch().count()), limit);
  if (!leaving) return leaving.error();
  if (leaving->empty()) return std::size_t{0};
  Result<Mover> mover = Mover::prepare(database);
  if (!mover) return std::move(mover).error();
  for (const Leaving& record : *leaving)
    if (Result<void> done = mover->drop_intent(record); !done) return std::move(done).error();
  return leaving->size();
}

Result<void> verify_archive(Database& database) {
  Result<Statement> rows =
      database.prepare("SELECT " + std::string(kRecordColumns) + ", prev_link, link FROM intents ORDER BY seq");
  if (!rows) return std::move(rows).error();
  std::string last;
  while (true) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) return {};
    const Result<StoredRecord> stored = read_record(database, *rows);
    if (!stored) return stored.error();
    const std::string prev(rows->text(10));
    if ((!last.empty() && prev != last) || linked(prev, stored->hash) != rows->text(11))
      return internal("store_corrupt", "the chain of kept records breaks at " + std::to_string(stored->record.seq) +
                                           ": restore a backup");
    last = rows->text(11);
  }
}

}  // namespace unik::controller
