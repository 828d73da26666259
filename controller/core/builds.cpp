#include "controller/core/builds.hpp"

#include <utility>

#include "controller/core/accept.hpp"
#include "controller/core/admit.hpp"
#include "controller/core/operations.hpp"

namespace unik::controller {
namespace {

const Operation& operation_of(const World& world, const OperationKey& key) {
  return **world.operations.find(key);
}

void put(Draft& draft, const OperationKey& key, Operation operation) {
  operation.updated_at = draft.now().wall;
  draft.because("operation " + operation.operation_id,
                std::string(to_string(operation.state)) + ": " + operation.message, operation.trace_id);
  draft.change(PutOperation{key, std::move(operation)});
}

void fail(Draft& draft, const OperationKey& key, Error error) {
  Operation operation = operation_of(draft.world(), key);
  operation.state = OperationState::kFailed;
  operation.message = error.message.substr(0, error.message.find('\n'));
  error.trace_id = operation.trace_id;
  operation.error = std::move(error);
  put(draft, key, std::move(operation));
}

// Before there is an image, one that could be it stands for it in all checks.
App with_stand_in(const App& app) {
  return with_image(app, app.metadata.name + "@" + app.spec.source);
}

bool is_same_build(const Operation& operation, const BuildRequest& request) {
  const BuildOrder& order = *operation.build;
  return operation.target == request.app.name() && order.app.spec.source == request.app.spec.source &&
         order.runtime == request.runtime && order.app.spec.boot.debug == request.app.spec.boot.debug;
}

Error destroyed() {
  return conflict("destroyed", "the app was destroyed before the build was done: deploy it again");
}

// Why what would come of it must not be declared any more.
std::optional<Error> obstacle(const World& world, const Operation& operation) {
  const AppRow* const row = world.apps.find(operation.target);
  const App* const app = row == nullptr || row->deleting ? nullptr : &*row->app;
  if (app == nullptr) {
    if (operation.uid == 0) return std::nullopt;
    return destroyed();
  }
  if (app->metadata.uid == operation.uid && app->metadata.generation == operation.generation) return std::nullopt;
  return conflict("superseded", "generation " + std::to_string(app->metadata.generation) +
                                    " of the app was declared while the build was not done");
}

Operation new_build(const Draft& draft, const OperationKey& key, const BuildRequest& request) {
  Operation operation;
  operation.operation_id = to_string(key);
  operation.kind = OperationKind::kBuild;
  operation.target = request.app.name();
  if (const App* const before = declared(draft.world(), request.app)) {
    operation.uid = before->metadata.uid;
    operation.generation = before->metadata.generation;
  }
  operation.build = BuildOrder{request.app, request.runtime, request.actor, "", ""};
  operation.message = "waits for its turn: one build is under way at a time";
  operation.trace_id = request.trace_id;
  operation.created_at = operation.updated_at = draft.now().wall;
  return operation;
}

void supersede(Draft& draft, const std::vector<OperationKey>& older) {
  for (const OperationKey& key : older)
    fail(draft, key, conflict("superseded", "the app was deployed again while the build was not done"));
}

ApplyRequest deploy_of(const App& app, const std::string& image, const std::string& trace_id) {
  ApplyRequest apply;
  apply.resources.push_back(with_image(app, image));
  apply.follow = true;
  apply.trace_id = trace_id;
  return apply;
}

// A source that was built before is newer than what is being built: it was asked for later.
Result<ApplyReply> deploy_built(Draft& draft, const BuildRequest& request) {
  Result<ApplyReply> reply = admit_apply(draft, deploy_of(request.app, request.image, request.trace_id));
  if (!reply) return reply;
  const std::vector<OperationKey> older = unfinished_builds_of(draft.world(), request.app.name());
  supersede(draft, older);
  if (!older.empty()) reply->revision = draft.world().revision;
  return reply;
}

// The next attempt, or the end of them.
void begin(Draft& draft, const OperationKey& key) {
  Operation operation = operation_of(draft.world(), key);
  if (operation.attempts >= kMaxBuildAttempts)
    return fail(draft, key,
                unavailable("build_interrupted", "the controller ended in the midst of the build " +
                                                     std::to_string(operation.attempts) +
                                                     " times: look at its log for why, then deploy it again"));
  ++operation.attempts;
  operation.state = OperationState::kRunning;
  operation.message = operation.attempts == 1 ? "building"
                                              : "building again, since the controller was restarted: attempt " +
                                                    std::to_string(operation.attempts);
  put(draft, key, std::move(operation));
}

}  // namespace

App with_image(App app, std::string image) {
  app.spec.source.clear();
  app.spec.runtime.clear();
  app.spec.boot.image = std::move(image);
  return app;
}

std::string built_image(const World& world, const BuildRequest& request) {
  std::string image;
  for (const auto& [key, operation] : world.operations)
    if (operation->kind == OperationKind::kBuild && operation->state == OperationState::kSucceeded &&
        is_same_build(*operation, request))
      image = operation->build->image;
  return image;
}

Result<ApplyReply> admit_build(Draft& draft, const BuildRequest& request) {
  if (!request.image.empty()) return deploy_built(draft, request);
  std::vector<Resource> resources{with_stand_in(request.app)};
  if (Result<void> accepted = accept(draft.world(), resources); !accepted) return std::move(accepted).error();
  ApplyReply reply;
  reply.revision = draft.world().revision - 1;
  const std::vector<OperationKey> older = unfinished_builds_of(draft.world(), request.app.name());
  for (const OperationKey& key : older) {
    const Operation& operation = operation_of(draft.world(), key);
    if (!is_same_build(operation, request) || operation.build->app != request.app || obstacle(draft.world(), operation))
      continue;
    reply.operations.push_back(operation);
    return reply;
  }
  if (draft.world().unfinished_builds.size() - older.size() >= kMaxUnfinishedBuilds)
    return exhausted("too_many_builds", std::to_string(kMaxUnfinishedBuilds) +
                                            " builds wait for their turn already: try again when some are done");
  supersede(draft, older);
  const OperationKey key{draft.world().revision, next_operation_index(draft.world())};
  Operation operation = new_build(draft, key, request);
  reply.revision = draft.world().revision;
  reply.operations.push_back(operation);
  draft.change(PutOperation{key, std::move(operation)});
  return reply;
}

void settle_build(Draft& draft, const OperationKey& key, const BuildOutcome& outcome) {
  if (!draft.world().unfinished_builds.contains(key)) return;
  Operation operation = operation_of(draft.world(), key);
  if (std::optional<Error> error = obstacle(draft.world(), operation)) return fail(draft, key, *std::move(error));
  if (outcome.error) return fail(draft, key, *outcome.error);
  ApplyRequest apply = deploy_of(operation.build->app, outcome.image, operation.trace_id);
  apply.why = "built by " + operation.operation_id;
  draft.ask_as(operation.trace_id);
  Result<ApplyReply> deployed = admit_apply(draft, apply);
  draft.ask_as({});
  if (!deployed) return fail(draft, key, std::move(deployed).error());
  operation.state = OperationState::kSucceeded;
  operation.build->image = outcome.image;
  operation.build->deploy = deployed->operations.front().operation_id;
  operation.message = "built " + outcome.image;
  put(draft, key, std::move(operation));
}

std::vector<OperationKey> unfinished_builds_of(const World& world, const AppName& app) {
  std::vector<OperationKey> keys;
  for (const auto& [key, nothing] : world.unfinished_builds)
    if (operation_of(world, key).target == app) keys.push_back(key);
  return keys;
}

std::vector<Operation> destroy_builds(Draft& draft, const AppName& app) {
  std::vector<Operation> ended;
  for (const OperationKey& key : unfinished_builds_of(draft.world(), app)) {
    fail(draft, key, destroyed());
    ended.push_back(operation_of(draft.world(), key));
  }
  return ended;
}

void steer_builds(Draft& draft, const std::optional<OperationKey>& begun) {
  if (draft.world().history_lost) return;
  std::vector<OperationKey> keys;
  for (const auto& [key, nothing] : draft.world().unfinished_builds) keys.push_back(key);
  for (const OperationKey& key : keys)
    if (std::optional<Error> error = obstacle(draft.world(), operation_of(draft.world(), key)))
      fail(draft, key, *std::move(error));
  const auto first = draft.world().unfinished_builds.begin();
  if (first == draft.world().unfinished_builds.end()) return;
  const OperationKey key = first->first;
  if (operation_of(draft.world(), key).state == OperationState::kPending || begun != key) begin(draft, key);
}

}  // namespace unik::controller
