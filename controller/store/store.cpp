#include "controller/store/store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

#include "api/check.hpp"
#include "codec/json_writer.hpp"
#include "controller/store/archive.hpp"
#include "controller/store/fold.hpp"
#include "controller/store/records.hpp"
#include "controller/store/row_json.hpp"
#include "controller/store/schema.hpp"
#include "controller/store/tables.hpp"

namespace unik::controller {
namespace {

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
    return internal("unknown_record_format", "the store has version " + std::to_string(version) +
                                                 ", this program knows " + std::to_string(kMigrations.size()) +
                                                 ": run the newer program");
  for (std::size_t next = version; next < kMigrations.size(); ++next) {
    const std::string sql = "BEGIN IMMEDIATE;" + std::string(kMigrations[next]) +
                            ";PRAGMA user_version = " + std::to_string(next + 1) + ";COMMIT";
    if (Result<void> done = database.execute(sql); !done) return done;
  }
  return {};
}

}  // namespace

struct Store::Impl {
  Impl(Database opened, TableWriter writer, Statement insert_record_, Statement insert_blob_, Statement insert_use_,
       const std::string& path)
      : database(std::move(opened)),
        tables(std::move(writer)),
        insert_record(std::move(insert_record_)),
        insert_blob(std::move(insert_blob_)),
        insert_use(std::move(insert_use_)),
        head_file(path + ".head") {}

  // Statements must go before the database that they belong to, so it stands first.
  Database database;
  TableWriter tables;
  Statement insert_record;
  Statement insert_blob;
  Statement insert_use;
  HeadFile head_file;
  World world;
  std::string last_hash = kNoHash;
  WallTime last_at{};
  Compactor compactor;

  Result<void> write(const Record& record, const World& after, const Dirty& touched, std::string_view changes,
                     std::string_view hash);
  Result<std::string> changes_text(const Record& record);
};

Result<Store> Store::open(const std::string& path, const std::string& vfs, LostRecords lost) {
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
  Result<Statement> insert_use = database->prepare("INSERT OR IGNORE INTO blob_uses VALUES (?, ?)");
  if (!insert_use) return std::move(insert_use).error();
  auto impl =
      std::make_unique<Impl>(std::move(database).value(), std::move(tables).value(), std::move(insert_record).value(),
                             std::move(insert_blob).value(), std::move(insert_use).value(), path);

  Result<Statement> last =
      impl->database.prepare("SELECT " + std::string(kRecordColumns) + " FROM journal ORDER BY seq DESC LIMIT 1");
  if (!last) return std::move(last).error();
  const Result<bool> row = last->step();
  if (!row) return row.error();
  std::uint64_t head = 0;
  if (*row) {
    const Result<StoredRecord> stored = read_head(*last);
    if (!stored) return stored.error();
    head = stored->record.seq;
    impl->last_hash = stored->hash;
    impl->last_at = stored->record.at;
  }
  last->reset();
  const std::uint64_t known = impl->head_file.read();
  if (known > head && lost == LostRecords::kRefuse) return lost_records(head, known);
  Result<World> world = read_tables(impl->database);
  if (!world) return std::move(world).error();
  world->history_lost = known > head || world->cluster.history_lost;
  derive(*world);
  impl->world = std::move(world).value();
  impl->database.fold_log_on_close();
  return Store(std::move(impl));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<World> Store::load() {
  return impl_->world;
}

std::uint64_t Store::head() const {
  return impl_->world.revision;
}

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
    const std::string hash = sha256(body);
    const std::string name = hex(hash);
    if (Result<void> done = insert_blob.bind_blob(1, hash).bind_borrowed(2, body).run(); !done)
      return std::move(done).error();
    if (Result<void> done = insert_use.bind(1, name).bind(2, record.seq).run(); !done) return std::move(done).error();
    out.begin_object().field("blob", name).end_object();
  }
  return out.end_array().take();
}

Result<void> Store::Impl::write(const Record& record, const World& after, const Dirty& touched,
                                std::string_view changes, std::string_view hash) {
  insert_record.bind(1, record.seq).bind(2, record.epoch.recovery_count).bind(3, record.epoch.term);
  insert_record.bind_blob(4, last_hash).bind_blob(5, hash).bind(6, record.at.time_since_epoch().count());
  insert_record.bind(7, record.actor).bind(8, record.trace_id).bind(9, kRecordFormat);
  insert_record.bind_borrowed(10, changes);
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
  std::string hash;
  if (changes) {
    hash = chain_hash(impl_->last_hash, record, kRecordFormat, *changes);
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
  impl_->last_hash = std::move(hash);
  impl_->last_at = record.at;
  return {CommitOutcome::kCommitted, {}};
}

void Store::share(const World& world) {
  share_tables(impl_->world, world);
}

Result<bool> Store::compact(const Retention& keep, WallTime now, Stride stride) {
  return impl_->compactor.step(impl_->database, Head{impl_->world, impl_->last_hash, impl_->last_at}, keep, now,
                               stride);
}

Result<void> Store::verify() {
  if (Result<void> kept = verify_archive(impl_->database); !kept) return kept;
  const Result<World> folded = fold_journal(impl_->database);
  if (!folded) return folded.error();
  if (!same_tables(*folded, impl_->world))
    return internal("store_corrupt", "folding the journal does not give the tables: restore a backup");
  return {};
}

}  // namespace unik::controller
