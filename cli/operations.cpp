#include "cli/operations.hpp"

#include <algorithm>
#include <thread>

#include "wire/clock.hpp"

namespace unik::cli {

Backoff::Backoff(Duration timeout) : deadline_(wire::read_clock().boot + timeout) {}

Duration Backoff::left() const {
  return std::max(deadline_ - wire::read_clock().boot, Duration::zero());
}

bool Backoff::pause() {
  const Time now = wire::read_clock().boot;
  if (now >= deadline_) return false;
  std::this_thread::sleep_for(std::min<Duration>(pause_, deadline_ - now));
  pause_ = std::min<Duration>(pause_ * 3 / 2, kLast);
  return true;
}

Result<Operation> follow_operation(const Api& api, const std::string& id, Duration timeout,
                                   const std::function<void(const Operation&)>& on_change) {
  Backoff backoff(timeout);
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
                           " after " + format_duration(timeout) +
                           (last.message.empty() ? "" : " (" + last.message + ")") +
                           "; it goes on: unikctl wait operation/" + id +
                           (last.target.app.empty() ? "" : "; ask why: unikctl explain app/" + last.target.app.str()));
  }
}

Result<int> await_operations(const Session& session, const Api& api, const std::vector<Operation>& operations,
                             Duration timeout) {
  int code = 0;
  const Backoff whole(timeout);
  for (const Operation& operation : operations) {
    const auto done = follow_operation(api, operation.operation_id, whole.left(), [](const Operation&) {});
    if (!done) return done.error();
    const std::string what = std::string(to_string(done->kind)) + " of app/" + done->target.app.str();
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

}  // namespace unik::cli
