// How long a stream of the control plane that broke off is opened again.
#pragma once

#include <optional>

#include "api/error.hpp"
#include "api/time.hpp"

namespace unik::cli {

inline constexpr Duration kReconnectPatience = std::chrono::minutes(5);  // since it was last open
inline constexpr Duration kReconnectPause = std::chrono::milliseconds(500);

class Reconnect {
 public:
  explicit Reconnect(Time now) : last_open_(now), attempt_(now) {}

  void begins(Time now) {
    attempt_ = now;
    heard_ = false;
  }
  void heard() { heard_ = true; }

  // After an attempt has ended, with `error` unless by its server's choice: whether another may follow. A stream may be
  // open and silent for any time, so that one which is lost only after kHeld counts as one that was open.
  bool may_try_again(const std::optional<Error>& error, Time now) {
    const bool lost = !error || error->reason == "connection_lost";
    if (heard_ || (lost && now - attempt_ >= kHeld)) last_open_ = now;
    return now - last_open_ <= kReconnectPatience;
  }

 private:
  static constexpr Duration kHeld = std::chrono::seconds(1);
  Time last_open_;
  Time attempt_;
  bool heard_ = false;
};

}  // namespace unik::cli
