#include "controller/store/store.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/check.hpp"
#include "codec/json_writer.hpp"
#include "controller/store/row_json.hpp"
#include "controller/store/schema.hpp"
#include "controller/store/tables.hpp"

namespace unik::controller {
namespace {

using Hash = std::array<unsigned char, 32>;

std::string_view bytes_of(const Hash& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

Hash sha256(std::string_view text) {
  Hash hash;
  unsigned int size = 0;
  UNIK_CHECK(EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha256(), nullptr) == 1, "SHA-256 failed");
  return hash;
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

// What the chain covers of a record, beside the hash before it.
std::string chained_text(const Record& record, std::uint32_t format, std::string_view changes) {
  std::string text;
  for (const std::uint64_t number : {record.seq, record.epoch.recovery_count, record.epoch.term,
                                     static_cast<std::uint64_t>(record.at.time_since_epoch().count()),
                                     static_cast<std::uint64_t>(format)})
    text += std::to_string(number) + '\0';
  text += record.actor + '\0' + record.trace_id + '\0';
  text += changes;
  return text;
}

Hash chain(std::string_view prev, const Record& record, std::uint32_t format, std::string_view changes) {
  return sha256(std::string(prev) + chained_text(record, format, changes));
}

const std::string kNoHash(32, '\0');

// The sequence of the last durable record, beside the database. Written after each commit without a sync of its own: it
// proves loss where it can, and proves nothing where it is old.
class HeadFile {
 public:
  explicit HeadFile(std::string path) : path_(std::move(path)) {}
  ~HeadFile() {
    if (file_ >= 0) ::close(file_);
  }
  HeadFile(const HeadFile&) = delete;
  HeadFile& operator=(const HeadFile&) = delete;

  std::uint64_t read() const {
    std::array<char, 21> text{};
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    const ssize_t size = ::pread(file, text.data(), text.size() - 1, 0);
    ::close(file);
    return size <= 0 ? 0 : std::strtoull(text.data(), nullptr, 10);
  }

  void write(std::uint64_t seq) {
    if (file_ < 0) file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file_ < 0) return;
    std::string text = std::to_string(seq);
    text.insert(0, 20 - text.size(), '0');
    [[maybe_unused]] const ssize_t written = ::pwrite(file_, text.data(), text.size(), 0);
  }

 private:
  std::string path_;
  int file_ = -1;
};

Error lost_records(std::uint64_t found, std::uint64_t known) {
  return internal("store_lost_records", "the store ends at record " + std::to_string(found) + ", but record " +
                                            std::to_string(known) + " had been committed: restore a backup");
}

// SQLite takes an empty file for a new database and removes the log beside it, with the records that are in there.
Result<void> expect_content(const std::string& path) {
  const std::uint64_t known = HeadFile(path + ".head").read();
  std::error_code absent;
  const auto size = std::filesystem::file_size(path, absent);
  if (known > 0 && (absent || size == 0)) return lost_records(0, known);
  return {};
}

Result<void> migrate(Database& database) {
  Result<Statement> statement = database.prepare("PRAGMA user_version");
  if (!statement) return std::move(statement).error();
  if (const Result<bool> row = statement->step(); !row) return row.error();
  const auto version = static_cast<std::size_t>(statement->integer(0));
  statement->reset();
  if (version > kMigrations.size())
    return internal("unknown_record_format", "the store has version " + std::to_string(version) + ", this program knows " +
                                                 std::to_string(kMigrations.size()) + ": run the newer program");
  for (std::size_t next = version; next < kMigrations.size(); ++next) {
    const std::string sql = "BEGIN IMMEDIATE;" + std::string(kMigrations[next]) + ";PRAGMA user_version = " +
                            std::to_string(next + 1) + ";COMMIT";
    if (Result<void> done = database.execute(sql); !done) return done;
  }
  return {};
}

// Reads one record from a row of the columns below.
constexpr std::string_view kRecordColumns = "seq, recovery_count, term, prev_hash, hash, at_us, actor, trace_id, format, changes";

Result<std::string> blob(Database& database, std::string_view hash) {
  Result<Statement> statement = database.prepare("SELECT body FROM blobs WHERE hash = ?");
  if (!statement) return std::move(statement).error();
  const Result<bool> row = statement->bind_blob(1, hash).step();
  if (!row) return row.error();
  if (!*row) return internal("store_corrupt", "the journal names a blob that is not there: restore a backup");
  std::string body(statement->text(0));
  if (bytes_of(sha256(body)) != hash) return internal("store_corrupt", "a blob does not match its hash: restore a backup");
  return body;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) bytes += static_cast<char>(value(text[i]) * 16 + value(text[i + 1]));
  return bytes;
}

Result<std::vector<Change>> read_changes(Database& database, std::string_view text) {
  const nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array()) return internal("store_corrupt", "a record's changes are no array: restore a backup");
  std::vector<Change> changes;
  for (const nlohmann::json& element : list) {
    std::string body;
    if (element.is_object() && element.contains("blob") && element["blob"].is_string()) {
      Result<std::string> stored = blob(database, unhex(element["blob"].get<std::string>()));
      if (!stored) return std::move(stored).error();
      body = std::move(stored).value();
    } else {
      body = element.dump();
    }
    Result<Change> change = change_from(body);
    if (!change) return std::move(change).error();
    changes.push_back(std::move(change).value());
  }
  return changes;
}

struct StoredRecord {
  Record record;
  std::string prev_hash;
  std::string hash;
  std::string_view changes;  // of the row's current step
};

// Without its changes, which the hash covers as they stand.
Result<StoredRecord> read_head(const Statement& row) {
  StoredRecord stored;
  stored.record.seq = row.unsigned_integer(0);
  stored.record.epoch = {row.unsigned_integer(1), row.unsigned_integer(2)};
  stored.prev_hash = row.text(3);
  stored.hash = row.text(4);
  stored.record.at = WallTime(Duration(row.integer(5)));
  stored.record.actor = row.text(6);
  stored.record.trace_id = row.text(7);
  const auto format = static_cast<std::uint32_t>(row.integer(8));
  if (format == 0 || format > kRecordFormat)
    return internal("unknown_record_format", "record " + std::to_string(stored.record.seq) + " has format " +
                                                 std::to_string(format) + ": run the newer program");
  stored.changes = row.text(9);
  if (bytes_of(chain(stored.prev_hash, stored.record, format, stored.changes)) != stored.hash)
    return internal("store_corrupt", "record " + std::to_string(stored.record.seq) + " does not match its hash: restore a backup");
  return stored;
}

Result<StoredRecord> read_record(Database& database, const Statement& row) {
  Result<StoredRecord> stored = read_head(row);
  if (!stored) return stored;
  Result<std::vector<Change>> parsed = read_changes(database, stored->changes);
  if (!parsed) return std::move(parsed).error();
  stored->record.changes = std::move(parsed).value();
  return stored;
}

}  // namespace

struct Store::Impl {
  Impl(Database opened, TableWriter writer, Statement insert_record_, Statement insert_blob_, const std::string& path)
      : database(std::move(opened)),
        tables(std::move(writer)),
        insert_record(std::move(insert_record_)),
        insert_blob(std::move(insert_blob_)),
        head_file(path + ".head") {}

  // Statements must go before the database that they belong to, so it stands first.
  Database database;
  TableWriter tables;
  Statement insert_record;
  Statement insert_blob;
  HeadFile head_file;
  World world;
  std::string last_hash = kNoHash;

  Result<void> write(const Record& record, const World& after, const Dirty& touched, std::string_view changes, const Hash& hash);
  Result<std::string> changes_text(const Record& record);
};

Result<Store> Store::open(const std::string& path, const std::string& vfs) {
  if (Result<void> content = expect_content(path); !content) return std::move(content).error();
  Result<Database> database = Database::open(path, false, vfs);
  if (!database) return std::move(database).error();
  for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA cell_size_check = ON"})
    if (Result<void> done = database->execute(pragma); !done) return std::move(done).error();
  if (Result<void> done = migrate(*database); !done) return std::move(done).error();
  Result<TableWriter> tables = TableWriter::prepare(*database);
  if (!tables) return std::move(tables).error();
  Result<Statement> insert_record = database->prepare("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert_record) return std::move(insert_record).error();
  Result<Statement> insert_blob = database->prepare("INSERT OR IGNORE INTO blobs VALUES (?, ?)");
  if (!insert_blob) return std::move(insert_blob).error();
  auto impl = std::make_unique<Impl>(std::move(database).value(), std::move(tables).value(), std::move(insert_record).value(),
                                     std::move(insert_blob).value(), path);

  Result<Statement> last = impl->database.prepare("SELECT " + std::string(kRecordColumns) + " FROM journal ORDER BY seq DESC LIMIT 1");
  if (!last) return std::move(last).error();
  const Result<bool> row = last->step();
  if (!row) return row.error();
  std::uint64_t head = 0;
  if (*row) {
    const Result<StoredRecord> stored = read_head(*last);
    if (!stored) return stored.error();
    head = stored->record.seq;
    impl->last_hash = stored->hash;
  }
  last->reset();
  if (const std::uint64_t known = impl->head_file.read(); known > head) return lost_records(head, known);
  Result<World> world = read_tables(impl->database);
  if (!world) return std::move(world).error();
  derive(*world);
  impl->world = std::move(world).value();
  impl->database.fold_log_on_close();
  return Store(std::move(impl));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<World> Store::load() { return impl_->world; }

std::uint64_t Store::head() const { return impl_->world.revision; }

// Stores large changes as blobs, in the same transaction.
Result<std::string> Store::Impl::changes_text(const Record& record) {
  codec::JsonWriter out;
  out.begin_array();
  for (const Change& change : record.changes) {
    const std::string body = change_json(change);
    if (body.size() <= kBlobThreshold) {
      out.raw(body);
      continue;
    }
    const Hash hash = sha256(body);
    if (Result<void> done = insert_blob.bind_blob(1, bytes_of(hash)).bind(2, body).run(); !done) return std::move(done).error();
    out.begin_object().field("blob", hex(bytes_of(hash))).end_object();
  }
  return out.end_array().take();
}

Result<void> Store::Impl::write(const Record& record, const World& after, const Dirty& touched, std::string_view changes,
                                const Hash& hash) {
  insert_record.bind(1, record.seq).bind(2, record.epoch.recovery_count).bind(3, record.epoch.term);
  insert_record.bind_blob(4, last_hash).bind_blob(5, bytes_of(hash)).bind(6, record.at.time_since_epoch().count());
  insert_record.bind(7, record.actor).bind(8, record.trace_id).bind(9, kRecordFormat).bind(10, changes);
  if (Result<void> done = insert_record.run(); !done) return done;
  return tables.write(record, touched, after);
}

CommitResult Store::commit(const Record& record) {
  World after = impl_->world;
  Dirty touched;
  apply(after, record, &touched);
  Result<void> done = impl_->database.execute("BEGIN IMMEDIATE");
  if (!done) return {CommitOutcome::kRejected, done.error()};
  const Result<std::string> changes = impl_->changes_text(record);
  Hash hash{};
  if (changes) {
    hash = chain(impl_->last_hash, record, kRecordFormat, *changes);
    done = impl_->write(record, after, touched, *changes, hash);
  } else {
    done = changes.error();
  }
  if (!done) {
    // Some errors have rolled back already; a second rollback is then refused, which changes nothing.
    [[maybe_unused]] const Result<void> undone = impl_->database.execute("ROLLBACK");
    return {CommitOutcome::kRejected, done.error()};
  }
  done = impl_->database.execute("COMMIT");
  if (!done) return {CommitOutcome::kUnknown, done.error()};
  impl_->head_file.write(record.seq);
  impl_->world = std::move(after);
  impl_->last_hash = bytes_of(hash);
  return {CommitOutcome::kCommitted, {}};
}

Result<void> Store::verify() {
  Result<Statement> rows = impl_->database.prepare("SELECT " + std::string(kRecordColumns) + " FROM journal ORDER BY seq");
  if (!rows) return std::move(rows).error();
  World folded;
  std::string last = kNoHash;
  while (true) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) break;
    const Result<StoredRecord> stored = read_record(impl_->database, *rows);
    if (!stored) return stored.error();
    if (stored->prev_hash != last || stored->record.seq != folded.revision + 1)
      return internal("store_corrupt", "the chain of records breaks at " + std::to_string(stored->record.seq) + ": restore a backup");
    last = stored->hash;
    apply(folded, stored->record);
  }
  if (!same_tables(folded, impl_->world))
    return internal("store_corrupt", "folding the journal does not give the tables: restore a backup");
  return {};
}

struct JournalReader::Impl {
  Database database;
  Statement after;
};

Result<JournalReader> JournalReader::open(const std::string& path) {
  Result<Database> database = Database::open(path, true);
  if (!database) return std::move(database).error();
  Result<Statement> after = database->prepare("SELECT " + std::string(kRecordColumns) + " FROM journal WHERE seq > ? ORDER BY seq LIMIT ?");
  if (!after) return std::move(after).error();
  return JournalReader(std::make_unique<Impl>(Impl{std::move(database).value(), std::move(after).value()}));
}

JournalReader::JournalReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader::~JournalReader() = default;

Result<std::vector<Record>> JournalReader::after(std::uint64_t seq, std::size_t limit) {
  std::vector<Record> records;
  impl_->after.bind(1, seq).bind(2, static_cast<std::int64_t>(limit));
  while (true) {
    const Result<bool> row = impl_->after.step();
    if (!row) return row.error();
    if (!*row) break;
    Result<StoredRecord> stored = read_record(impl_->database, impl_->after);
    if (!stored) {
      impl_->after.reset();
      return std::move(stored).error();
    }
    records.push_back(std::move(stored->record));
  }
  impl_->after.reset();
  return records;
}

}  // namespace unik::controller
