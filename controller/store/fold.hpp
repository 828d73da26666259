// Tables from history: a base and the records after it.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "controller/store/base.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

// What is read while it lives is of one moment, whatever is written beside it.
class ReadTransaction {
 public:
  explicit ReadTransaction(Database& database);
  ~ReadTransaction();
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Database& database_;
};

// Moves `world`, whose last record has the hash `hash`, on by the records up to `last`. Fails with
// `internal`/`store_corrupt` when the chain is broken or ends before it, with `unavailable`/`ending` when it was asked
// to stop.
Result<void> fold_records(Database& database, World& world, std::string hash, std::uint64_t last,
                          const std::stop_token& stop = {});

// The whole journal upon the oldest base. Fails with `internal`/`store_corrupt` when a later base holds something else.
Result<World> fold_journal(Database& database);

}  // namespace unik::controller
