// SQLite's C API with owners for its handles and every extended result code kept: what to do about a failure depends on
// which one it was.
//
// A Database and its Statements belong to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace unik::controller {

// Codes: `exhausted`/`disk_full`, `unavailable`/`io_error`, `internal`/`store_corrupt`, else `internal`/`store_error`.
Error sqlite_error(sqlite3* database, int code, std::string_view doing);

class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement);

  // Places count from 1, as SQLite counts them. That there was no memory for a text is said by the next step.
  Statement& bind(int place, std::int64_t value);
  Statement& bind(int place, std::uint64_t value) { return bind(place, static_cast<std::int64_t>(value)); }
  Statement& bind(int place, std::uint32_t value) { return bind(place, static_cast<std::int64_t>(value)); }
  Statement& bind(int place, std::string_view text);
  Statement& bind_blob(int place, std::string_view bytes);
  // Without a copy: `text` must stay as it is until `run` has returned.
  Statement& bind_borrowed(int place, std::string_view text);

  // True: there is a row. False: there is none, or no more. The bindings are kept.
  Result<bool> step();
  // Runs to the end and makes the statement ready for the next use: nothing is bound any more.
  Result<void> run();
  void reset();

  // Columns count from 0. Views are valid until the next step.
  std::int64_t integer(int column) const;
  std::uint64_t unsigned_integer(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::string_view text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement& bound(int code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int failed_bind_ = 0;
};

class Database {
 public:
  // Opens or creates. `vfs` names a registered one, for tests that inject faults; empty: the default.
  static Result<Database> open(const std::string& path, bool read_only = false, const std::string& vfs = {});

  Result<Statement> prepare(std::string_view sql);
  // One or more statements without results.
  Result<void> execute(const std::string& sql);
  sqlite3* handle() const { return database_.get(); }

  // The last to close a database folds its log into it and removes the log. Only a database that has been found whole
  // may be told to: what is damaged stays as it was found.
  void fold_log_on_close();

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace unik::controller
