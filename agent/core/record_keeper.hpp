// When the node's record is written: one write at a time, and what changes meanwhile goes with the next one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/time.hpp"

namespace unik::agent {

inline constexpr Duration kSaveBackoff = std::chrono::seconds(1);
inline constexpr Duration kSaveMaxBackoff = std::chrono::seconds(30);

class RecordKeeper {
 public:
  explicit RecordKeeper(std::string node) : node_(std::move(node)) {}

  // Something changed. Returns the version that will hold it; a later one holds it too.
  std::uint64_t mark();

  // Whether a write is to begin now; `begin` then says under which version.
  bool is_due(Time now) const;
  std::uint64_t begin();

  // What came of it. False for an answer to no write in flight.
  bool saved(std::uint64_t version);
  bool failed(std::uint64_t version, Time now);

  bool is_dirty() const { return dirty_; }
  std::uint64_t saved_version() const { return saved_; }
  std::optional<Time> wake_at() const;

 private:
  std::string node_;
  bool dirty_ = false;
  std::uint64_t next_ = 1;
  std::uint64_t saved_ = 0;
  std::optional<std::uint64_t> in_flight_;
  std::uint32_t failures_ = 0;
  Time not_before_{};
};

}  // namespace unik::agent
