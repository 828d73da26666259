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
#include "controller/store/sqlite.hpp"

namespace unik::controller {

enum class CommitOutcome : std::uint8_t { kCommitted, kRejected, kUnknown };

struct CommitResult {
  CommitOutcome outcome = CommitOutcome::kRejected;
  Error error;  // when not committed
};

class Store {
 public:
  // Opens or creates. Errors: `internal`/`store_corrupt`, `internal`/`store_lost_records`,
  // `internal`/`unknown_record_format`, and those of sqlite.hpp. `vfs` is for tests that inject faults.
  static Result<Store> open(const std::string& path, const std::string& vfs = {});
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

  // Checks every link of the chain and that folding the journal gives the tables. Reads everything.
  Result<void> verify();

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Reads records for event streams and history, beside the writer.
class JournalReader {
 public:
  static Result<JournalReader> open(const std::string& path);
  JournalReader(JournalReader&&) noexcept;
  ~JournalReader();

  // At most `limit` records after `seq`, in order.
  Result<std::vector<Record>> after(std::uint64_t seq, std::size_t limit);

 private:
  struct Impl;
  explicit JournalReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace unik::controller
