// JournalReader, and what reads all of the journal.
#include <utility>

#include "controller/store/base.hpp"
#include "controller/store/fold.hpp"
#include "controller/store/records.hpp"
#include "controller/store/store.hpp"

namespace unik::controller {

Error compacted(std::uint64_t floor) {
  return not_found(std::string(kCompacted),
                   "history begins at record " + std::to_string(floor) + ": what is older is not kept");
}

struct JournalReader::Impl {
  Database database;
  Statement after;

  Result<std::vector<Record>> read(std::uint64_t seq, std::size_t limit) {
    std::vector<Record> records;
    after.bind(1, seq).bind(2, static_cast<std::int64_t>(limit));
    while (true) {
      const Result<bool> row = after.step();
      if (!row) return row.error();
      if (!*row) return records;
      Result<StoredRecord> stored = read_record(database, after);
      if (!stored) return std::move(stored).error();
      records.push_back(std::move(stored->record));
    }
  }
};

Result<JournalReader> JournalReader::open(const std::string& path) {
  Result<Database> database = Database::open(path, true);
  if (!database) return std::move(database).error();
  Result<Statement> after =
      database->prepare("SELECT " + std::string(kRecordColumns) + " FROM journal WHERE seq > ? ORDER BY seq LIMIT ?");
  if (!after) return std::move(after).error();
  return JournalReader(std::make_unique<Impl>(Impl{std::move(database).value(), std::move(after).value()}));
}

JournalReader::JournalReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader::~JournalReader() = default;

Result<std::uint64_t> JournalReader::floor() {
  const Result<Base> base = oldest_base(impl_->database);
  if (!base) return base.error();
  return base->seq;
}

Result<std::vector<Record>> JournalReader::after(std::uint64_t seq, std::size_t limit) {
  ReadTransaction transaction(impl_->database);
  const Result<std::uint64_t> first = floor();
  if (!first) return first.error();
  if (seq < *first) return compacted(*first);
  Result<std::vector<Record>> records = impl_->read(seq, limit);
  impl_->after.reset();
  return records;
}

}  // namespace unik::controller
