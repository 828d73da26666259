#include "controller/store/history.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "controller/store/base.hpp"
#include "controller/store/fold.hpp"
#include "controller/store/records.hpp"
#include "controller/store/store.hpp"

namespace unik::controller {
namespace {

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// Of the records whose tables can be had: from the oldest base on.
Result<Range> reach(Database& database) {
  const Result<Base> floor = oldest_base(database);
  if (!floor) return floor.error();
  Result<Statement> row = database.prepare("SELECT max(seq) FROM journal");
  if (!row) return std::move(row).error();
  const Result<bool> found = row->step();
  if (!found) return found.error();
  return Range{std::max<std::uint64_t>(floor->seq, 1), row->unsigned_integer(0)};
}

Result<std::string> hash_of(Database& database, std::uint64_t seq) {
  Result<Statement> row = database.prepare("SELECT hash FROM journal WHERE seq = ?");
  if (!row) return std::move(row).error();
  const Result<bool> found = row->bind(1, seq).step();
  if (!found) return found.error();
  return *found ? std::string(row->text(0)) : kNoHash;
}

}  // namespace

Result<History> History::open(const std::string& path) {
  Result<Database> database = Database::open(path, true);
  if (!database) return std::move(database).error();
  return History(std::move(database).value());
}

Result<std::shared_ptr<const World>> History::at(const Moment& moment, const std::stop_token& stop) {
  if (stop.stop_requested()) return ending();
  const ReadTransaction transaction(database_);
  const Result<std::uint64_t> seq = seq_of(moment);
  if (!seq) return seq.error();
  Result<std::vector<Base>> bases = complete_bases(database_);
  if (!bases) return std::move(bases).error();
  Base nearest;
  for (const Base& base : *bases)
    if (base.seq <= *seq) nearest = base;
  Result<World> world = World();
  if (kept_ && kept_->revision <= *seq && kept_->revision >= nearest.seq) {
    world = *kept_;
  } else {
    world = read_base(database_, nearest, stop);
  }
  if (!world) return std::move(world).error();
  const Result<std::string> hash = hash_of(database_, world->revision);
  if (!hash) return hash.error();
  if (Result<void> done = fold_records(database_, *world, *hash, *seq, stop); !done) return std::move(done).error();
  kept_ = std::make_shared<const World>(std::move(world).value());
  return kept_;
}

Result<std::uint64_t> History::seq_of(const Moment& moment) {
  if (const auto* const time = std::get_if<WallTime>(&moment)) return seq_at(*time);
  const std::uint64_t seq = std::get<std::uint64_t>(moment);
  const Result<Range> range = reach(database_);
  if (!range) return range.error();
  if (seq < range->first) return compacted(range->first);
  if (seq > range->last)
    return not_found(
        "not_yet", "want a record up to " + std::to_string(range->last) + ", the last one, got " + std::to_string(seq));
  return seq;
}

// By halves: records are in the order of their times but for clocks that jump, and then any of them is as good.
Result<std::uint64_t> History::seq_at(WallTime time) {
  const Result<Range> range = reach(database_);
  if (!range) return range.error();
  Result<Statement> row = database_.prepare("SELECT at_us FROM journal WHERE seq = ?");
  if (!row) return std::move(row).error();
  std::uint64_t first = range->first;  // the first that may be later than `time`
  std::uint64_t end = range->last + 1;
  while (first < end) {
    const std::uint64_t middle = first + (end - first) / 2;
    const Result<bool> found = row->bind(1, middle).step();
    if (!found) return found.error();
    const bool later = !*found || WallTime(Duration(row->integer(0))) > time;
    row->reset();
    if (later) {
      end = middle;
    } else {
      first = middle + 1;
    }
  }
  if (first == range->first) return compacted(range->first);
  return first - 1;
}

}  // namespace unik::controller
