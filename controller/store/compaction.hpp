// Keeps the journal bounded: writes a base now and then, and drops what is older than the base where history may begin.
//
// Work is cut into steps, each a short transaction between two commits, and each leaves a valid store: a base counts
// only when it is complete, what is before the oldest complete base is debris, and a step that was cut off is done
// again. Records that a user or operator caused ("intent") go to an archive of their own, chained there, and stay
// longer; what the controller and its nodes did by themselves ("transitions") is dropped. See
// docs/decisions/0010-compaction.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controller/core/world.hpp"
#include "controller/store/base.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

struct Retention {
  Duration intents = std::chrono::hours(24 * 90);
  Duration transitions = std::chrono::hours(24 * 7);
  std::uint64_t records = 1'000'000;  // of transitions, whatever their age
};

// History begins at a base, so that so many parts of what is to be kept may be kept beyond it.
inline constexpr int kBasesPerRetention = 4;

// Bounds of one step, which a commit may have to wait for.
struct Stride {
  std::size_t chunk_bytes = std::size_t{128} << 10;  // of a base that is written
  std::size_t chunks = 8;                            // of a base that goes
  std::size_t records = 500;                         // that leave the journal or the archive
};

// Whether somebody asked for the record, by its actor: the controller's own and the nodes' are transitions.
bool is_intent(std::string_view actor);

// The newest record as the store knows it.
struct Head {
  const World& world;
  const std::string& hash;
  WallTime at;
};

class Compactor {
 public:
  // Does the next step, if there is one. True: there may be another at once. After an error nothing of the step has
  // happened; what was under way begins anew with the next call.
  Result<bool> step(Database& database, const Head& head, const Retention& keep, WallTime now, Stride stride);

 private:
  Result<bool> advance(Database& database, const Head& head, const Retention& keep, WallTime now, Stride stride);

  std::optional<BaseWriter> writing_;
};

}  // namespace unik::controller
