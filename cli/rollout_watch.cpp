#include "cli/rollout_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cli/console.hpp"
#include "cli/operations.hpp"
#include "cli/output/colour.hpp"
#include "cli/output/views.hpp"
#include "cli/progress.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

constexpr std::uint64_t kFailureLines = 20;

void print_last_lines(const Session& session, const Api& api, const std::string& name) {
  LogSelection selection;
  selection.name = name;
  selection.tail = kFailureLines;
  std::string text;
  // The failure is told already: without a console there is nothing to add to it.
  const auto read = api.logs(selection, [&](std::string_view chunk) {
    text += chunk;
    return true;
  });
  if (!read || text.empty()) return;
  session.say(fmt::format("last lines of {}:", name));
  session.say(text.ends_with('\n') ? std::string_view(text).substr(0, text.size() - 1) : text);
}

void print_timelines(const Session& session, const std::vector<InstanceView>& instances) {
  const bool colour = session.terminal().colour_out;
  for (const InstanceView& view : instances) {
    const std::string_view state = is_ready(view.status) ? "ready" : to_string(view.status.phase);
    session.out(fmt::format("{} {} on {} in {}: {}\n", view.name, paint(state, Colour::kGreen, colour), view.node,
                            format_boot(ready_time(view.status.boot)), render_boot(view.status.boot)));
  }
}

void print_failure(const Session& session, const Api& api, const std::string& name, const std::string& reason) {
  session.say(paint("failed", Colour::kRed, session.terminal().colour_err) + ": " + reason);
  const auto app = api.app(name);
  const auto instances = api.instances_of(name);
  if (!app || !instances) return;
  for (const InstanceView& view : current_instances(*app, instances->items)) {
    if (is_ready(view.status)) continue;
    print_last_lines(session, api, view.name);
    return;
  }
}

// Under its policy it ended as it should.
bool ended_well(const InstanceStatus& status) {
  return status.phase == Phase::kExited && status.last_exit && status.last_exit->kind == ExitKind::kExited &&
         status.last_exit->code == 0;
}

struct Deployed {
  AppView app;
  std::vector<InstanceView> instances;  // of the current rollout
};

Result<Deployed> look_at(const Api& api, const std::string& name) {
  auto app = api.app(name);
  if (!app) return app.error();
  const auto instances = api.instances_of(name);
  if (!instances) return instances.error();
  auto current = current_instances(*app, instances->items);
  return Deployed{*std::move(app), std::move(current)};
}

// Why one of them will not serve; empty while each does, or still may.
std::string why_failed(const std::vector<InstanceView>& instances) {
  for (const InstanceView& view : instances) {
    const InstanceStatus& status = view.status;
    if (ended_well(status) || status.phase == Phase::kRunning) continue;
    if (!is_final(status) && status.reason != "crash_loop") continue;
    const std::string ended = status.last_exit ? describe(*status.last_exit) : std::string(to_string(status.phase));
    return (status.reason.empty() ? std::string(to_string(status.phase)) : status.reason) + ": " + view.name + ": " +
           (status.message.empty() ? ended : status.message);
  }
  return "";
}

bool all_serve(const std::vector<InstanceView>& instances) {
  return std::all_of(instances.begin(), instances.end(),
                     [](const InstanceView& view) { return is_ready(view.status) || ended_well(view.status); });
}

// Whether instances that declare no check, for which to run is all that is wanted, have run on for kStaysUp: one that
// ends as soon as it has begun is seen running now and then.
class StayingUp {
 public:
  bool lasts(const std::vector<InstanceView>& instances, Time now) {
    bool unchecked = false;
    std::uint64_t restarts = 0;
    for (const InstanceView& view : instances) {
      unchecked = unchecked || (view.status.health == Health::kNone && !ended_well(view.status));
      restarts += view.status.restarts;
    }
    if (!since_ || restarts != restarts_) since_ = now;
    restarts_ = restarts;
    return !unchecked || now >= *since_ + kStaysUp;
  }
  void broke_off() { since_.reset(); }

 private:
  static constexpr Duration kStaysUp = std::chrono::milliseconds(500);
  std::optional<Time> since_;
  std::uint64_t restarts_ = 0;
};

Result<int> print_success(const Session& session, const Deployed& deployed) {
  print_timelines(session, deployed.instances);
  int code = 0;
  std::set<std::string> told;
  for (const LaunchUrl& url : deployed.app.urls) {
    if (!url.url.empty() && told.insert(url.url).second) session.out(url.url + "\n");
    if (!url.url.empty()) continue;
    session.warn("port " + url.port_name + " is not published: " + url.problem);
    code = 1;
  }
  return code;
}

// The operation is done once the instances were up. An app without a check that ends as soon as it has begun was up
// for a moment: what it has come to is known when it stays up, or is given up.
Result<int> await_settled(const Session& session, const Api& api, const std::string& name, Backoff backoff) {
  Progress progress(session.terminal());
  StayingUp staying;
  for (;;) {
    const auto deployed = look_at(api.until(backoff.deadline()), name);
    if (!deployed && !may_come_back(deployed.error())) return deployed.error();
    const bool serving = deployed && all_serve(deployed->instances);
    if (serving && staying.lasts(deployed->instances, wire::read_clock().boot)) {
      progress.clear();
      return print_success(session, *deployed);
    }
    if (deployed && !serving) {
      staying.broke_off();
      if (const std::string why = why_failed(deployed->instances); !why.empty()) {
        progress.clear();
        print_failure(session, api, name, why);
        return 1;
      }
      progress.show(name + ": was up, and does not stay so");
    }
    if (!backoff.pause())
      return timed_out("wait_timed_out", name + " was up, and does not stay so after " +
                                             format_duration(backoff.timeout()) + "; it goes on: unikctl logs -f " +
                                             name + "; ask why: unikctl explain app/" + name);
  }
}

// Jobs that were handed over to a newer deploy, or destroyed, will never end.
std::optional<Error> taken_away(const Operation& operation) {
  if (operation.state != OperationState::kFailed || !operation.error) return std::nullopt;
  for (const std::string_view reason : {"destroyed", "superseded", "frozen"})
    if (operation.error->reason == reason) return *operation.error;
  return std::nullopt;
}

// What a job waits for, as far as that is known.
std::string awaited_by_job(const std::vector<InstanceView>& current, const Operation& operation) {
  for (const InstanceView& view : current)
    if (view.status.phase == Phase::kPending && !view.status.message.empty())
      return view.name + ": " + (view.status.reason.empty() ? "" : view.status.reason + ": ") + view.status.message;
  if (is_final(operation)) return "";
  return operation.error ? reason_of(operation) : current.empty() ? operation.message : "";
}

// Empty while something of it may still run.
std::optional<int> job_exit_code(const AppView& app, const std::vector<InstanceView>& instances) {
  const auto current = current_instances(app, instances);
  if (current.size() < app.desired) return std::nullopt;
  int code = 0;
  for (const InstanceView& view : current) {
    if (!is_final(view.status)) return std::nullopt;
    if (code == 0) code = exit_code_of(view.status);
  }
  return code;
}

}  // namespace

int exit_code_of(const InstanceStatus& status) {
  if (!status.last_exit) return 1;
  switch (status.last_exit->kind) {
    case ExitKind::kExited:
      return status.last_exit->code;
    case ExitKind::kSignaled:
      return 128 + status.last_exit->code;
    case ExitKind::kOutOfMemory:
      return 137;
    case ExitKind::kPanicked:
    case ExitKind::kCrashed:
      return 1;
  }
  return 1;
}

std::vector<InstanceView> current_instances(const AppView& app, const std::vector<InstanceView>& instances) {
  std::vector<InstanceView> current;
  for (const InstanceView& view : instances)
    if (view.id.app_name() == app.app.name() && view.id.rollout == app.rollout && view.goal != "stop")
      current.push_back(view);
  return current;
}

Result<int> await_deploy(const Session& session, const Api& api, const Operation& operation, Duration timeout) {
  const std::string name = operation.target.app.str();
  const Backoff whole(timeout);
  Progress progress(session.terminal());
  const auto done = follow_operation(api, operation.operation_id, whole,
                                     [&](const Operation& now) { progress.show(name + ": " + standing_of(now)); });
  progress.clear();
  if (!done) return done.error();
  if (done->state == OperationState::kFailed) {
    print_failure(session, api, name, reason_of(*done));
    return 1;
  }
  return await_settled(session, api, name, whole);
}

Result<int> await_job(const Session& session, const Api& api, const Operation& operation, Duration timeout) {
  const std::string name = operation.target.app.str();
  Backoff backoff(timeout);
  std::optional<BackgroundConsole> console;
  std::string why;
  for (;;) {
    const Api bounded = api.until(backoff.deadline());
    const auto app = bounded.app(name);
    const auto instances = bounded.instances_of(name);
    if (!app && !may_come_back(app.error())) return app.error();
    if (!instances && !may_come_back(instances.error())) return instances.error();
    if (app && instances) {
      const bool begun = std::any_of(instances->items.begin(), instances->items.end(), [&](const InstanceView& view) {
        return view.id.app_name() == app->app.name() && view.id.rollout == app->rollout &&
               view.status.phase != Phase::kPending;
      });
      if (begun) {
        if (!console)
          console.emplace(session, api, name, LogFormat{app->desired > 1, false, session.terminal().colour_out});
        console->ensure_open();
      }
      if (const auto code = job_exit_code(*app, instances->items)) {
        if (console)
          if (const auto rest = console->finish(); !rest)
            session.warn("the console is not whole: " + rest.error().message);
        for (const InstanceView& view : current_instances(*app, instances->items))
          if (!view.status.last_exit || view.status.last_exit->kind != ExitKind::kExited)
            session.say(view.name + " " + std::string(to_string(view.status.phase)) + ": " +
                        (view.status.message.empty() ? view.status.reason : view.status.message));
        return *code;
      }
      const auto followed = bounded.operation(operation.operation_id);
      if (followed) {
        if (const auto error = taken_away(*followed)) return *error;
        why = awaited_by_job(current_instances(*app, instances->items), *followed);
      }
    }
    if (!backoff.pause())
      return timed_out("wait_timed_out", "the job " + name + " has not ended after " + format_duration(timeout) +
                                             (why.empty() ? "" : " (" + why + ")") + "; it goes on: unikctl logs -f " +
                                             name + "; ask why: unikctl explain app/" + name);
  }
}

}  // namespace unik::cli
