// A base: the tables as they were after one record, so that what came before it need not be kept. History is the
// nearest base and the records after it.
//
// A base is written in bounded chunks and counts only once it is marked complete; what is not complete is debris,
// whoever left it there. Its rows are the Changes that put them into an empty World, so that it lasts as long as the
// journal's format does. The record that a base stands for stays in the journal.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "controller/core/world.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

struct Base {
  std::uint64_t seq = 0;  // of the record whose tables it holds; 0: the empty World that every store begins with
  WallTime at{};          // of that record
  std::string hash;       // of that record
  std::uint64_t last_uid = 0;
  std::string checksum;  // over its chunks
};

// What a read fails with that was asked to stop.
Error ending();

// The complete ones, oldest first, at least one: the oldest is where history begins.
Result<std::vector<Base>> complete_bases(Database& database);

// The first of them.
Result<Base> oldest_base(Database& database);

// The tables that it holds, derived parts included. Fails with `internal`/`store_corrupt` when a chunk was changed,
// with `unavailable`/`ending` when it was asked to stop.
Result<World> read_base(Database& database, const Base& base, const std::stop_token& stop = {});

// Writes one base, chunk by chunk. The World is a copy, which shares its pages with the live one.
class BaseWriter {
 public:
  BaseWriter(World world, WallTime at, std::string hash);
  BaseWriter(BaseWriter&&) noexcept;
  BaseWriter& operator=(BaseWriter&&) noexcept;
  ~BaseWriter();

  std::uint64_t seq() const;
  // Writes one chunk of about `bytes` within the caller's transaction; the first one also enters the base, the last one
  // completes it. True: there is more to write. After an error, or a transaction that failed, begin another.
  Result<bool> write_chunk(Database& database, std::size_t bytes);

 private:
  struct Rows;
  std::unique_ptr<Rows> rows_;
};

}  // namespace unik::controller
