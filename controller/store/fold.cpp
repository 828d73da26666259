#include "controller/store/fold.hpp"

#include <algorithm>
#include <utility>

#include "controller/store/records.hpp"

namespace unik::controller {
namespace {

Result<std::uint64_t> last_seq(Database& database) {
  Result<Statement> row = database.prepare("SELECT max(seq) FROM journal");
  if (!row) return std::move(row).error();
  const Result<bool> found = row->step();
  if (!found) return found.error();
  return row->unsigned_integer(0);
}

// The record that a base stands for is still there, and is the one that it says.
Result<void> check_anchor(Database& database, const Base& base) {
  if (base.seq == 0) return {};
  Result<Statement> row = database.prepare("SELECT hash FROM journal WHERE seq = ?");
  if (!row) return std::move(row).error();
  const Result<bool> found = row->bind(1, base.seq).step();
  if (!found) return found.error();
  if (!*found || row->text(0) != base.hash)
    return internal("store_corrupt",
                    "the base of record " + std::to_string(base.seq) + " is of another journal: restore a backup");
  return {};
}

}  // namespace

// A transaction that cannot begin leaves each statement on its own, which is all that a reader needs of it then: its
// first statement fails the same way.
ReadTransaction::ReadTransaction(Database& database) : database_(database) {
  [[maybe_unused]] const Result<void> begun = database_.execute("BEGIN");
}
ReadTransaction::~ReadTransaction() {
  [[maybe_unused]] const Result<void> ended = database_.execute("COMMIT");
}

Result<void> fold_records(Database& database, World& world, std::string hash, std::uint64_t last,
                          const std::stop_token& stop) {
  Result<Statement> rows = database.prepare("SELECT " + std::string(kRecordColumns) +
                                            " FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq");
  if (!rows) return std::move(rows).error();
  rows->bind(1, world.revision).bind(2, last);
  while (world.revision < last) {
    if (stop.stop_requested()) return ending();
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row)
      return internal("store_corrupt", "the journal ends before record " + std::to_string(last) + ": restore a backup");
    const Result<StoredRecord> stored = read_record(database, *rows);
    if (!stored) return stored.error();
    if (stored->prev_hash != hash || stored->record.seq != world.revision + 1)
      return internal("store_corrupt",
                      "the chain of records breaks at " + std::to_string(stored->record.seq) + ": restore a backup");
    hash = stored->hash;
    apply(world, stored->record);
  }
  return {};
}

Result<World> fold_journal(Database& database) {
  const Result<std::vector<Base>> bases = complete_bases(database);
  if (!bases) return bases.error();
  const Result<std::uint64_t> last = last_seq(database);
  if (!last) return last.error();
  Result<Base> at = oldest_base(database);
  if (!at) return std::move(at).error();
  Result<World> world = read_base(database, *at);
  for (const Base& base : *bases) {
    if (!world) return world;
    Result<void> done = check_anchor(database, base);
    if (done) done = fold_records(database, *world, at->hash, base.seq);
    if (!done) return std::move(done).error();
    const Result<World> kept = read_base(database, base);
    if (!kept) return kept;
    if (!same_tables(*world, *kept))
      return internal("store_corrupt", "the base of record " + std::to_string(base.seq) +
                                           " is not what the journal gives: restore a backup");
    at = base;
  }
  if (!world) return world;
  if (Result<void> done = fold_records(database, *world, at->hash, *last); !done) return std::move(done).error();
  return world;
}

}  // namespace unik::controller
