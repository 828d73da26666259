#include "tests/controller/core/simulated_fleet.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "controller/core/node_watch.hpp"

namespace unik::controller {

using std::chrono::seconds;

SimulatedFleet::SimulatedFleet(int nodes, Resources each) {
  now_ = {Time(std::chrono::hours(1)), WallTime(std::chrono::hours(500'000))};
  world_.started = now_.boot;
  world_.as_of = now_.boot;
  Draft draft(world_, now_);
  draft.change(PutCluster{{"cluster", {0, 1}}});
  Tenant tenant;
  tenant.metadata.name = "default";
  draft.change(PutTenant{{tenant, {}}});
  for (int i = 1; i <= nodes; ++i) {
    RegisterRequest request;
    request.node = "n" + std::to_string(i);
    request.agent_start = 1;
    request.labels = {{"zone", i % 2 == 0 ? "b" : "a"}};
    request.info.capacity = each;
    request.info.platform = "linux/amd64";
    request.info.accelerator = "tcg";
    EXPECT_TRUE(admit_register(draft, request).ok());
  }
  world_ = draft.world();
  pass(seconds(1));
}

App SimulatedFleet::app(const std::string& name, std::uint32_t replicas, const std::string& version) {
  App app;
  app.metadata.name = name;
  app.metadata.tenant = "default";
  app.spec.boot.image = name + "@sha256:" + std::string(64, 'a');
  app.spec.boot.env = {{"VERSION", version}};
  app.spec.boot.resources = {MilliCpu{500}, mebibytes(256)};
  app.spec.replicas = replicas;
  app.spec.boot.ports = {{"http", 8080}};
  app.spec.run.health.emplace().port = 8080;
  return app;
}

template <typename Request>
Result<ApplyReply> SimulatedFleet::admit(const Request& request, Result<ApplyReply> (*how)(Draft&, const Request&)) {
  World next = world_;
  ++next.revision;
  Draft draft(std::move(next), now_);
  Result<ApplyReply> reply = how(draft, request);
  if (!reply) return reply;
  commit(std::move(draft), {});
  return reply;
}

Result<ApplyReply> SimulatedFleet::apply(std::vector<Resource> resources) {
  ApplyRequest request;
  request.resources = std::move(resources);
  request.follow = true;
  return admit(request, admit_apply);
}

Result<ApplyReply> SimulatedFleet::steer(const std::string& app, RolloutVerb verb, std::optional<std::uint64_t> to) {
  RolloutRequest request;
  request.app = {Symbol("default"), Symbol(app)};
  request.verb = verb;
  request.to = to;
  return admit(request, admit_rollout);
}

Result<ApplyReply> SimulatedFleet::drain(const std::string& node, Drain drain) {
  return admit(DrainRequest{node, drain.deadline, drain.force, std::move(drain.reason)}, admit_drain);
}

Result<ApplyReply> SimulatedFleet::uncordon(const std::string& node) {
  return admit(CordonRequest{node, true}, admit_cordon);
}

bool SimulatedFleet::commit(Draft draft, Dirty dirty) {
  for (const AppName& name : draft.touched().apps) dirty.apps.insert(name);
  for (const Symbol name : draft.touched().nodes) dirty.nodes.insert(name);
  dirty.capacity |= draft.touched().capacity;
  draft.touched() = {};
  reconcile(draft, std::move(dirty));
  World after = draft.world();
  Plan plan = std::move(draft).take_plan();
  wake_at_ = plan.wake_at;
  reasons_.insert(reasons_.end(), plan.reasons.begin(), plan.reasons.end());
  if (plan.changes.empty()) {
    world_.clocks = after.clocks;
    return false;
  }
  world_ = std::move(after);
  on_change();
  return true;
}

InstanceStatus SimulatedFleet::outcome(const InstanceId& id, const BootSpec& boot) {
  InstanceStatus status;
  switch (fate(id, boot)) {
    case Fate::kServes:
      status.phase = Phase::kRunning;
      status.boot.total = boot_time(boot);
      break;
    case Fate::kHangs:
      status.phase = Phase::kPending;
      status.reason = "starting";
      break;
    case Fate::kCrashLoops:
      status.phase = Phase::kPending;
      status.reason = "crash_loop";
      status.restarts = 5;
      break;
    case Fate::kCannotStart:
      status.phase = Phase::kPending;
      status.reason = "launch_failed";
      break;
    case Fate::kEndsWell:
      status.phase = Phase::kExited;
      status.reason = "completed";
      status.last_exit = Exit{ExitKind::kExited, 0};
      break;
  }
  return status;
}

void SimulatedFleet::act(Symbol node, ReportBody& body) {
  for (const Action& action : goals_of(world_, node).actions) {
    if (const auto* const run = std::get_if<EnsureRunning>(&action)) {
      const bool known = std::any_of(body.instances.begin(), body.instances.end(),
                                     [&](const ObservedInstance& one) { return one.id == run->id; });
      if (!known) body.instances.push_back({run->id, outcome(run->id, run->boot)});
    } else if (const auto* const absent = std::get_if<EnsureAbsent>(&action)) {
      std::erase_if(body.instances, [&](const ObservedInstance& one) { return one.id == absent->id; });
    }
  }
  std::sort(body.instances.begin(), body.instances.end(),
            [](const ObservedInstance& a, const ObservedInstance& b) { return a.id < b.id; });
}

bool SimulatedFleet::step() {
  Dirty dirty;
  for (const auto& [name, row] : world_.nodes) {
    if (silent_.contains(name.str())) continue;
    act(name, reality_[name]);
    NodeObservation seen;
    seen.agent_start = 1;
    seen.accepted_stamp = {world_.cluster.cluster_id, world_.cluster.epoch, row.goals_revision};
    seen.body = seen_body(world_, reality_[name]);
    world_.observed.set(name, Observed{std::make_shared<const NodeObservation>(std::move(seen)), now_.boot});
    dirty.nodes.insert(name);
  }
  dirty.everything = true;
  World next = world_;
  ++next.revision;
  next.as_of = now_.boot;
  return commit(Draft(std::move(next), now_), std::move(dirty));
}

void SimulatedFleet::settle() {
  for (int round = 0; round < 1000; ++round)
    if (!step()) return;
  ADD_FAILURE() << "the fleet never comes to rest";
}

void SimulatedFleet::pass(Duration time) {
  for (Duration passed{}; passed < time; passed += seconds(1)) {
    now_.boot += seconds(1);
    now_.wall += seconds(1);
    world_.as_of = now_.boot;
    step();
  }
}

std::set<std::string> SimulatedFleet::serving(const std::string& app) const {
  std::set<std::string> names;
  for_each_instance(world_, {Symbol("default"), Symbol(app)}, [&](const InstanceId& id, const InstanceRow& row) {
    if (is_ready(*row.status) && row.goal == InstanceGoal::kRun && !silent_.contains(row.node.str()))
      names.insert(short_name(id) + "@" + row.node.str());
  });
  return names;
}

std::uint32_t SimulatedFleet::serving_slots(const std::string& app) const {
  std::set<std::uint32_t> slots;
  for_each_instance(world_, {Symbol("default"), Symbol(app)}, [&](const InstanceId& id, const InstanceRow& row) {
    if (is_ready(*row.status) && row.goal == InstanceGoal::kRun && !silent_.contains(row.node.str()))
      slots.insert(id.slot);
  });
  return static_cast<std::uint32_t>(slots.size());
}

std::uint32_t SimulatedFleet::running(const std::string& app) const {
  std::uint32_t count = 0;
  for_each_instance(world_, {Symbol("default"), Symbol(app)}, [&](const InstanceId&, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kRun && !row.node.empty()) ++count;
  });
  return count;
}

std::set<std::string> SimulatedFleet::on_node(const std::string& node) const {
  std::set<std::string> names;
  for_each_on_node(world_, Symbol(node),
                   [&](const InstanceId& id, const InstanceRow&) { names.insert(short_name(id)); });
  return names;
}

std::string SimulatedFleet::version_of(const InstanceId& id) const {
  return (*world_.templates.find({id.app_name(), id.rollout}))->env.at("VERSION");
}

}  // namespace unik::controller
