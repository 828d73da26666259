// Following operations until they have come true or failed.
#pragma once

#include <functional>
#include <vector>

#include "api/operation.hpp"
#include "cli/api.hpp"
#include "cli/session.hpp"

namespace unik::cli {

// Pauses between two looks at the control plane: short at first, since a boot takes a fraction of a second.
class Backoff {
 public:
  // Sleeps; false, at once, when `deadline` has passed.
  bool pause();
  explicit Backoff(Duration timeout);
  Duration timeout() const { return timeout_; }  // as a whole, from when this was made
  Time deadline() const { return deadline_; }
  void restart() { pause_ = kFirst; }

 private:
  static constexpr Duration kFirst = std::chrono::milliseconds(25);
  static constexpr Duration kLast = std::chrono::seconds(1);
  Duration pause_ = kFirst;
  Duration timeout_;
  Time deadline_;
};

// The control plane restarts, or is slow: what was asked for goes on all the same.
inline bool may_come_back(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout;
}

// Polls until it is final; `on_change` is called with each new state. A control plane that restarts is waited for, an
// operation that it does not know is an error. Errors: `timeout`/`wait_timed_out`.
Result<Operation> follow_operation(const Api& api, const std::string& id, Backoff backoff,
                                   const std::function<void(const Operation&)>& on_change);

// Of all of them, until the deadline of `whole`: 0, or 1 after the reason of each that failed was printed. Says what
// keeps one from going on, once for each cause.
Result<int> await_operations(const Session& session, const Api& api, const std::vector<Operation>& operations,
                             const Backoff& whole);

// Says which builds a destroy has ended, and returns what is left to be followed.
std::vector<Operation> after_ended_builds(const Session& session, std::vector<Operation> operations);

// `no_eligible_node: 0 of 3 nodes fit …`, or what the operation says itself.
std::string reason_of(const Operation& operation);

// How far it is, or what it waits for where it cannot go on.
std::string standing_of(const Operation& operation);

}  // namespace unik::cli
