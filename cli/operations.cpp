#include "cli/operations.hpp"

#include <algorithm>
#include <thread>

#include "wire/clock.hpp"

namespace unik::cli {

Backoff::Backoff(Duration timeout) : timeout_(timeout), deadline_(wire::read_clock().boot + timeout) {}

bool Backoff::pause() {
  const Time now = wire::read_clock().boot;
  if (now >= deadline_) return false;
  std::this_thread::sleep_for(std::min<Duration>(pause_, deadline_ - now));
  pause_ = std::min<Duration>(pause_ * 3 / 2, kLast);
  return true;
}

Result<Operation> follow_operation(const Api& api, const std::string& id, Backoff backoff,
                                   const std::function<void(const Operation&)>& on_change) {
  backoff.restart();
  Operation last;
  for (;;) {
    const auto operation = api.until(backoff.deadline()).operation(id);
    if (!operation && !may_come_back(operation.error())) return operation.error();
    if (operation && *operation != last) {
      if (operation->state != last.state || operation->message != last.message) backoff.restart();
      last = *operation;
      on_change(last);
    }
    if (operation && is_final(*operation)) return *operation;
    if (!backoff.pause())
      return timed_out("wait_timed_out",
                       "operation " + id + " is " +
                           (last.operation_id.empty() ? "not to be asked for" : std::string(to_string(last.state))) +
                           " after " + format_duration(backoff.timeout()) +
                           (last.message.empty() && !last.error ? "" : " (" + standing_of(last) + ")") +
                           "; it goes on: unikctl wait operation/" + id +
                           (last.target.app.empty() ? "" : "; ask why: unikctl explain app/" + last.target.app.str()));
  }
}

Result<int> await_operations(const Session& session, const Api& api, const std::vector<Operation>& operations,
                             const Backoff& whole) {
  int code = 0;
  for (const Operation& operation : operations) {
    const std::string what = std::string(to_string(operation.kind)) + " of app/" + operation.target.app.str();
    std::string told;
    const auto done = follow_operation(api, operation.operation_id, whole, [&](const Operation& now) {
      if (is_final(now) || !now.error) return;
      const std::string cause = reason_of(now);
      if (cause != told) session.say(what + " waits: " + cause);
      told = cause;
    });
    if (!done) return done.error();
    if (done->state == OperationState::kSucceeded) {
      session.say(what + " succeeded");
    } else {
      session.say(what + " failed: " + reason_of(*done));
      code = 1;
    }
  }
  return code;
}

std::vector<Operation> after_ended_builds(const Session& session, std::vector<Operation> operations) {
  std::erase_if(operations, [&](const Operation& operation) {
    if (operation.kind != OperationKind::kBuild) return false;
    session.say("build of app/" + operation.target.app.str() + " ended: nothing is deployed of operation " +
                operation.operation_id);
    return true;
  });
  return operations;
}

std::string reason_of(const Operation& operation) {
  if (!operation.error) return operation.message.empty() ? "no reason was given" : operation.message;
  const Error& error = *operation.error;
  return error.reason.empty() ? error.message : error.reason + ": " + error.message;
}

std::string standing_of(const Operation& operation) {
  const bool says_why = !operation.error || operation.message.find(operation.error->message) != std::string::npos;
  if (!says_why) return reason_of(operation);
  return operation.message.empty() ? std::string(to_string(operation.state)) : operation.message;
}

}  // namespace unik::cli
