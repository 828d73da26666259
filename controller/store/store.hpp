// The one journal and the tables that it folds to, in one SQLite file.
//
// A commit writes the record and the rows that it changes in one transaction: fold(journal) == tables, always. Records
// are chained by hash and rows carry a checksum which is verified as they are read, since SQLite alone reopens a
// damaged log without a word. Beside the file stands `<path>.head`, the last record known to be durable: a database
// that has fewer records than that has lost some, and is not opened.
//
// A Store belongs to one thread at a time. A JournalReader reads the same file from another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "controller/core/world.hpp"
#include "controller/store/compaction.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

enum class CommitOutcome : std::uint8_t { kCommitted, kRejected, kUnknown };

struct CommitResult {
  CommitOutcome outcome = CommitOutcome::kRejected;
  Error error;  // when not committed
};

// What to do about a database that has fewer records than are known to have been committed: an old copy that was put
// back, or one that was damaged. `kAccept` opens it with `World::history_lost`.
enum class LostRecords : std::uint8_t { kRefuse, kAccept };

class Store {
 public:
  // Opens or creates. Errors: `internal`/`store_corrupt`, `internal`/`store_lost_records`,
  // `internal`/`unknown_record_format`, and those of sqlite.hpp. `vfs` is for tests that inject faults.
  static Result<Store> open(const std::string& path, const std::string& vfs = {},
                            LostRecords lost = LostRecords::kRefuse);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Everything that is stored, derived parts included. A new store gives a World of revision 0 without a cluster.
  Result<World> load();

  // The last record's `seq`; 0 in a new store.
  std::uint64_t head() const;

  // Makes `record` durable; it must be the next. `kRejected`: certainly not written. `kUnknown`: open the store anew to
  // find out.
  CommitResult commit(const Record& record);

  // Says that `world`, which others hold, has the tables of the head: they are then in memory once.
  void share(const World& world);

  // One bounded step of compaction.hpp, to be called between commits. True: there may be another at once.
  Result<bool> compact(const Retention& keep, WallTime now, Stride stride = {});

  // Checks every link of the chain from the oldest base on and the chain of what is kept from before it, and that
  // folding the journal upon the oldest base gives each later base and the tables. Reads everything.
  Result<void> verify();

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The `reason` of what is older than the oldest base, whose record is `floor`.
inline constexpr std::string_view kCompacted = "compacted";
Error compacted(std::uint64_t floor);

// Reads records for event streams and history, beside the writer.
class JournalReader {
 public:
  static Result<JournalReader> open(const std::string& path);
  JournalReader(JournalReader&&) noexcept;
  ~JournalReader();

  // At most `limit` records after `seq`, in order. Fails with `not_found`/`compacted` when some of them are gone.
  Result<std::vector<Record>> after(std::uint64_t seq, std::size_t limit);
  // What `after` can be asked for at the least.
  Result<std::uint64_t> floor();

 private:
  struct Impl;
  explicit JournalReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace unik::controller
