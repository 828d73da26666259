// The World as it was after any record that the journal still reaches: the nearest base and the records after it.
//
// Reads beside the writer; belongs to one thread at a time. The last World is kept, since who looks at one moment looks
// at several pages of it, and at the next one soon after.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>

#include "controller/core/world.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

// A record's `seq`, or the last record that is not later than a time.
using Moment = std::variant<std::uint64_t, WallTime>;

class History {
 public:
  static Result<History> open(const std::string& path);

  // Without what was observed: that is not kept. Errors: `not_found`/`compacted` for what is older than the oldest
  // base, `not_found`/`not_yet` for what is later than the last record, `unavailable`/`ending` once
  // `stop` is asked for.
  Result<std::shared_ptr<const World>> at(const Moment& moment, const std::stop_token& stop = {});

  // Gives back the memory of what was kept.
  void forget() { kept_.reset(); }

 private:
  explicit History(Database database) : database_(std::move(database)) {}

  Result<std::uint64_t> seq_of(const Moment& moment);
  Result<std::uint64_t> seq_at(WallTime time);

  Database database_;
  std::shared_ptr<const World> kept_;
};

}  // namespace unik::controller
