#include "controller/store/sqlite.hpp"

#include <sqlite3.h>

#include <utility>

#include "api/check.hpp"

namespace unik::controller {
namespace {

constexpr int kBusyTimeoutMs = 5000;

}  // namespace

Error sqlite_error(sqlite3* database, int code, std::string_view doing) {
  const std::string text = std::string(doing) + ": " + sqlite3_errstr(code) + " (SQLite code " + std::to_string(code) +
                           (database == nullptr ? "" : std::string(", ") + sqlite3_errmsg(database)) + ")";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return exhausted("disk_full", text + ": free some space on the controller's disk");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
      return unavailable("io_error", text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return internal("store_corrupt", text + ": restore a backup");
    default:
      return internal("store_error", text);
  }
}

Statement::Statement(sqlite3_stmt* statement) : statement_(statement) {}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::bound(int code) {
  UNIK_CHECK(code != SQLITE_RANGE && code != SQLITE_MISUSE, "a place that the statement has not");
  if (code != SQLITE_OK) failed_bind_ = code;
  return *this;
}

Statement& Statement::bind(int place, std::int64_t value) {
  return bound(sqlite3_bind_int64(statement_.get(), place, value));
}

Statement& Statement::bind(int place, std::string_view text) {
  return bound(sqlite3_bind_text64(statement_.get(), place, text.data() == nullptr ? "" : text.data(), text.size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8));
}

Statement& Statement::bind_blob(int place, std::string_view bytes) {
  return bound(sqlite3_bind_blob64(statement_.get(), place, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                                   SQLITE_TRANSIENT));
}

Statement& Statement::bind_borrowed(int place, std::string_view text) {
  return bound(sqlite3_bind_text64(statement_.get(), place, text.data() == nullptr ? "" : text.data(), text.size(),
                                   SQLITE_STATIC, SQLITE_UTF8));
}

Result<bool> Statement::step() {
  if (const int failed = std::exchange(failed_bind_, SQLITE_OK); failed != SQLITE_OK)
    return sqlite_error(sqlite3_db_handle(statement_.get()), failed, sqlite3_sql(statement_.get()));
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* const database = sqlite3_db_handle(statement_.get());
  const Error error = sqlite_error(database, sqlite3_extended_errcode(database), sqlite3_sql(statement_.get()));
  sqlite3_reset(statement_.get());
  return error;
}

Result<void> Statement::run() {
  Result<bool> row = true;
  while (row && *row) row = step();
  reset();
  // What was bound may be a whole record, and would be held until the next.
  sqlite3_clear_bindings(statement_.get());
  return row ? Result<void>() : Result<void>(std::move(row).error());
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

void Database::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Result<Database> Database::open(const std::string& path, bool read_only, const std::string& vfs) {
  sqlite3* raw = nullptr;
  const int flags =
      (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, vfs.empty() ? nullptr : vfs.c_str());
  Database database(raw);
  if (code != SQLITE_OK) return sqlite_error(raw, code, "opening " + path);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

void Database::fold_log_on_close() {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database_.get(), sqlite3_extended_errcode(database_.get()), sql);
  return Statement(statement);
}

Result<void> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database_.get(), sqlite3_extended_errcode(database_.get()), sql);
  return {};
}

}  // namespace unik::controller
