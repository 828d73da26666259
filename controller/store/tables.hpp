// Rows of the World as rows of the database.
#pragma once

#include <memory>
#include <set>

#include "controller/core/world.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

// Writes what records change. Its statements are prepared once and die with the Database.
class TableWriter {
 public:
  static Result<TableWriter> prepare(Database& database);
  TableWriter(TableWriter&&) noexcept;
  TableWriter& operator=(TableWriter&&) noexcept;
  ~TableWriter();

  // The rows that `record` has moved, by their values in `after`, the World with the record applied: a change may move
  // rows beside its own (a node's goals_revision, an app's retired attempts), and a row that several changes moved is
  // written once.
  Result<void> write(const Record& record, const Dirty& touched, const World& after);

 private:
  struct Statements;
  explicit TableWriter(std::unique_ptr<Statements> statements);
  std::unique_ptr<Statements> statements_;
};

// The durable parts. A row that does not match its checksum, and rows that do not match their seal, are
// `internal`/`store_corrupt`.
Result<World> read_tables(Database& database);

}  // namespace unik::controller
