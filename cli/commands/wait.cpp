// wait KIND/NAME --for WHAT: returns 0 when it has come true, 1 when it cannot, 9 when the time is over.
#include <algorithm>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/objects.hpp"
#include "cli/operations.hpp"
#include "cli/rollout_watch.hpp"
#include "wire/http_message.hpp"

namespace unik::cli {
namespace {

struct WaitOptions {
  std::vector<std::string> words;
  std::string condition;
  Duration timeout = std::chrono::minutes(5);
};

// `ready`, `deleted`, `condition=TYPE[=STATUS]`, both of which are compared without regard to case, as kubectl does.
struct Wanted {
  enum class What : std::uint8_t { kReady, kDeleted, kCondition };
  What what = What::kReady;
  std::string type;
  std::string status = "True";
};

// How far one object is, for the decision and for the message.
struct Look {
  enum class Verdict : std::uint8_t { kNotYet, kDone, kNever };
  Verdict verdict = Verdict::kNotYet;
  std::string seen;
};

Result<Wanted> parse_wanted(const std::string& text) {
  Wanted wanted;
  if (text.empty() || text == "ready") return wanted;
  if (text == "deleted") {
    wanted.what = Wanted::What::kDeleted;
    return wanted;
  }
  constexpr std::string_view kPrefix = "condition=";
  if (text.starts_with(kPrefix)) {
    wanted.what = Wanted::What::kCondition;
    wanted.type = text.substr(kPrefix.size());
    if (const std::size_t equals = wanted.type.find('='); equals != std::string::npos) {
      wanted.status = wanted.type.substr(equals + 1);
      wanted.type.resize(equals);
    }
    if (!wanted.type.empty() && !wanted.status.empty()) return wanted;
  }
  return invalid("bad_condition", "want --for ready, deleted or condition=TYPE[=STATUS], got `" + text + "`");
}

Look look_at(bool done, bool never, std::string seen) {
  return {done ? Look::Verdict::kDone : never ? Look::Verdict::kNever : Look::Verdict::kNotYet, std::move(seen)};
}

Look look_for_condition(const std::vector<Condition>& conditions, const Wanted& wanted) {
  for (const Condition& condition : conditions)
    if (wire::iequals(condition.type, wanted.type))
      return look_at(wire::iequals(condition.status, wanted.status), false,
                     condition.type + "=" + condition.status + "/" + condition.reason + ": " + condition.message);
  return look_at(false, false, "no condition " + wanted.type);
}

std::string why(const std::vector<Condition>& conditions) {
  for (const Condition& condition : conditions)
    if (condition.status != "True") return ", " + condition.reason + ": " + condition.message;
  return "";
}

// The rollout of what is declared was given up: some of it may serve, and so may an older template, but nothing more is
// done for it.
const Condition* given_up(const AppView& app) {
  for (const Condition& condition : app.conditions)
    if (condition.type == "Rollout" && (condition.reason == "Failed" || condition.reason == "RolledBack"))
      return &condition;
  return nullptr;
}

Result<Look> look_ready(const Api& api, const ObjectRef& object) {
  switch (object.kind) {
    case ObjectKind::kApp: {
      const auto app = api.app(object.name);
      if (!app) return app.error();
      const bool done = app->phase == "ready" || app->phase == "completed";
      if (const Condition* const rollout = given_up(*app); rollout != nullptr && !done)
        return look_at(false, true, app->phase + ", " + rollout->reason + ": " + rollout->message);
      return look_at(done, app->phase == "failed", app->phase + why(app->conditions));
    }
    case ObjectKind::kInstance: {
      const auto instance = api.instance(object.name);
      if (!instance) return instance.error();
      const InstanceStatus& status = instance->status;
      const bool ended_well = status.phase == Phase::kExited && exit_code_of(status) == 0;
      return look_at(is_ready(status) || ended_well, is_final(status),
                     std::string(to_string(status.phase)) + (status.reason.empty() ? "" : ", " + status.reason));
    }
    case ObjectKind::kNode: {
      const auto node = api.node(object.name);
      if (!node) return node.error();
      return look_at(node->health == "ready", false, node->health + why(node->conditions));
    }
    case ObjectKind::kTenant: {
      const auto tenant = api.tenant(object.name);
      if (!tenant) return tenant.error();
      return look_at(true, false, "there");
    }
    case ObjectKind::kOperation: {
      const auto operation = api.operation(object.name);
      if (!operation) return operation.error();
      return look_at(operation->state == OperationState::kSucceeded, operation->state == OperationState::kFailed,
                     std::string(to_string(operation->state)) + ", " + reason_of(*operation));
    }
  }
  return internal("unknown_kind", "an object kind outside the enumeration");
}

Result<Look> look(const Api& api, const ObjectRef& object, const Wanted& wanted) {
  switch (wanted.what) {
    case Wanted::What::kReady:
      return look_ready(api, object);
    case Wanted::What::kDeleted: {
      const auto there = look_ready(api, object);
      if (there) return look_at(false, false, "still there: " + there->seen);
      if (there.error().code == ErrorCode::kNotFound) return look_at(true, false, "gone");
      return there.error();
    }
    case Wanted::What::kCondition:
      break;
  }
  if (object.kind == ObjectKind::kApp) {
    const auto app = api.app(object.name);
    if (!app) return app.error();
    return look_for_condition(app->conditions, wanted);
  }
  if (object.kind == ObjectKind::kNode) {
    const auto node = api.node(object.name);
    if (!node) return node.error();
    return look_for_condition(node->conditions, wanted);
  }
  return invalid("bad_condition", "only apps and nodes have conditions, " + to_string(object) + " has none");
}

// `is not ready`, `has not come to Drained=True`.
std::string what_is_missing(const ObjectRef& object, const Wanted& wanted) {
  switch (wanted.what) {
    case Wanted::What::kReady:
      return object.kind == ObjectKind::kOperation ? "is not done" : "is not ready";
    case Wanted::What::kDeleted:
      return "is not deleted";
    case Wanted::What::kCondition:
      return "has not come to " + wanted.type + "=" + wanted.status;
  }
  return "";
}

Result<int> wait_for(const Session& session, const Api& api, const ObjectRef& object, const Wanted& wanted,
                     const WaitOptions& options, Backoff& backoff) {
  std::string seen = "not seen yet";
  for (;;) {
    const auto now = look(api, object, wanted);
    // The object is not gone with the control plane.
    if (!now && !may_come_back(now.error())) return now.error();
    if (now) {
      if (now->seen != seen) backoff.restart();
      seen = now->seen;
      if (now->verdict == Look::Verdict::kDone) {
        session.out(to_string(object) + " " + (options.condition.empty() ? "ready" : options.condition) + "\n");
        return 0;
      }
      if (now->verdict == Look::Verdict::kNever) {
        session.say(to_string(object) + " failed: " + seen);
        return 1;
      }
    }
    if (!backoff.pause())
      return timed_out("wait_timed_out", to_string(object) + " " + what_is_missing(object, wanted) + " after " +
                                             format_duration(options.timeout) + ": " + seen +
                                             "; ask why: unikctl explain " + to_string(object));
  }
}

Result<int> run_wait(const Session& session, const WaitOptions& options) {
  const auto wanted = parse_wanted(options.condition);
  if (!wanted) return wanted.error();
  const auto objects = parse_named_objects(options.words);
  if (!objects) return objects.error();
  Backoff backoff(options.timeout);
  const auto api = session.connect(backoff.deadline());
  if (!api) return api.error();
  int code = 0;
  for (const ObjectRef& object : *objects) {
    const auto one = wait_for(session, *api, object, *wanted, options, backoff);
    if (!one) return one.error();
    code = std::max(code, *one);
  }
  return code;
}

}  // namespace

void add_wait(CommandTree& tree) {
  const auto options = std::make_shared<WaitOptions>();
  VerbFlags verb = tree.add(kDesiredState, "wait", "Return when an object is ready, deleted, or has a condition",
                            [options](const Session& session) { return run_wait(session, *options); });
  verb.words("object", options->words, "KIND/NAME...", "app, instance, node, tenant or operation, and names",
             Need::kRequired);
  verb.text("--for", options->condition, "WHAT", "ready (the default), deleted, or condition=TYPE[=STATUS]");
  verb.duration("--timeout", options->timeout, "How long to wait (5m)");
}

}  // namespace unik::cli
