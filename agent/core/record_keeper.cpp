#include "agent/core/record_keeper.hpp"

#include "api/backoff.hpp"

namespace unik::agent {

std::uint64_t RecordKeeper::mark() {
  dirty_ = true;
  return next_;
}

bool RecordKeeper::is_due(Time now) const {
  return dirty_ && !in_flight_ && now >= not_before_;
}

std::uint64_t RecordKeeper::begin() {
  dirty_ = false;
  in_flight_ = next_;
  return next_++;
}

bool RecordKeeper::saved(std::uint64_t version) {
  if (in_flight_ != version) return false;
  in_flight_.reset();
  saved_ = version;
  failures_ = 0;
  return true;
}

bool RecordKeeper::failed(std::uint64_t version, Time now) {
  if (in_flight_ != version) return false;
  in_flight_.reset();
  dirty_ = true;
  failures_ += 1;
  not_before_ = now + backoff_delay(kSaveBackoff, kSaveMaxBackoff, failures_, node_);
  return true;
}

std::optional<Time> RecordKeeper::wake_at() const {
  if (!dirty_ || in_flight_) return std::nullopt;
  return not_before_;
}

}  // namespace unik::agent
