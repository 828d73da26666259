#include "controller/core/status.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "controller/core/diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/place_search.hpp"
#include "controller/core/recovery.hpp"
#include "controller/core/rollout.hpp"
#include "controller/core/steer.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

struct Count {
  std::uint32_t ready = 0;
  std::uint32_t up_to_date = 0;
  std::uint32_t done = 0;  // jobs that ended well
  std::uint32_t failed = 0;
  std::uint32_t restarts = 0;
  std::uint32_t running = 0;
  const InstanceRow* waiting = nullptr;
  InstanceId waiting_id;
  const InstanceRow* unseen = nullptr;  // on a silent node
  InstanceId unseen_id;
};

Count count(const World& world, const AppName& name, const AppRow& app) {
  Count total;
  CurrentTemplate current(world, name, app.rollout);
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    const InstanceStatus& status = *row.status;
    if (row.goal == InstanceGoal::kStop) return;
    if (is_silent(world, row.node) && !has_ended(status)) {
      if (total.unseen == nullptr && current.covers(id.rollout)) total.unseen = &row, total.unseen_id = id;
      return;
    }
    total.restarts += status.restarts;
    if (status.phase == Phase::kRunning) ++total.running;
    if (is_ready(status)) ++total.ready;
    if (!current.covers(id.rollout)) return;
    if (is_ready(status)) ++total.up_to_date;
    if (ended_well(status)) {
      ++total.done;
      ++total.up_to_date;
    } else if (is_final(status) || status.reason == "crash_loop") {
      ++total.failed;
    }
    if (!is_ready(status) && !ended_well(status) && total.waiting == nullptr) {
      total.waiting = &row;
      total.waiting_id = id;
    }
  });
  return total;
}

// Going back, or gone back: something else than what is declared runs, or is to.
bool is_rolled_back(const World& world, const AppRow& row) {
  const bool going_on = row.state.phase == RolloutPhase::kProgressing || row.state.phase == RolloutPhase::kDone;
  return (going_on || is_paused_by_hand(row.state)) && !row.deleting && !runs_what_is_declared(world, row);
}

std::string phase_of(const World& world, const AppRow& row, const Count& total) {
  const std::uint32_t desired = row.app->spec.replicas;
  if (row.deleting) return "deleting";
  if (is_frozen(row)) return "frozen";
  if (row.state.phase == RolloutPhase::kPaused) return "paused";
  if (desired > 0 && total.done == desired) return "completed";
  // One that was given up may still come to serve, but nothing is done about it any more.
  const bool given_up = row.state.phase == RolloutPhase::kFailed && total.up_to_date < desired;
  if (total.failed > 0 || given_up) return total.ready > 0 ? "degraded" : "failed";
  // What serves then is not what was asked for.
  if (total.up_to_date >= desired) return is_rolled_back(world, row) ? "degraded" : "ready";
  if (total.ready == 0) return "pending";
  return "progressing";
}

Condition ready_condition(const AppRow& row, const Count& total, PlaceSearch& search) {
  const std::uint32_t desired = row.app->spec.replicas;
  Condition condition{"Ready", "False", "Progressing",
                      std::to_string(total.ready) + " of " + std::to_string(desired) + " ready"};
  if (is_frozen(row)) {
    condition.reason = "InternalError";
    condition.message = row.frozen_message + "; its instances are left as they are until its next generation";
  } else if (row.deleting) {
    condition.reason = "Deleting";
    condition.message = "waiting until its instances have been seen gone";
  } else if (desired > 0 && total.done == desired) {
    condition.status = "True";
    condition.reason = "Completed";
    condition.message = "ended with exit code 0";
  } else if (total.up_to_date >= desired) {
    condition.status = "True";
    condition.reason = "Ready";
  } else if (total.waiting != nullptr) {
    const InstanceStatus waiting = search.status(total.waiting_id, *total.waiting);
    condition.reason = waiting.reason.empty() ? std::string(to_string(waiting.health)) : waiting.reason;
    condition.message += "; " + short_name(total.waiting_id) + ": " + condition.reason;
    if (!waiting.message.empty()) condition.message += ": " + waiting.message;
    condition.message += restarts_of(waiting);
  } else if (total.unseen != nullptr) {
    condition.reason = "node_silent";
    condition.message += "; " + short_name(total.unseen_id) + " is on " + total.unseen->node.str() +
                         ", which is silent: nobody knows what becomes of it";
  }
  return condition;
}

Condition rollout_condition(const World& world, const AppRow& row) {
  Condition condition{"Rollout", "True", "Progressing", told_of(row).message};
  switch (row.state.phase) {
    case RolloutPhase::kProgressing:
      break;
    case RolloutPhase::kDone:
      condition.reason = "Done";
      break;
    case RolloutPhase::kPaused:
      condition.status = "False";
      // Nobody will go on with one that was paused because it failed.
      condition.reason = row.state.held ? "Paused" : "Failed";
      break;
    case RolloutPhase::kFailed:
      condition.status = "False";
      condition.reason = "Failed";
      break;
  }
  if (is_rolled_back(world, row)) {
    condition.status = "False";
    condition.reason = "RolledBack";
  }
  return condition;
}

std::vector<LaunchUrl> urls_of(const World& world, const AppName& name) {
  std::vector<LaunchUrl> urls;
  std::set<Symbol> nodes;
  for_each_instance(world, name, [&](const InstanceId&, const InstanceRow& row) { nodes.insert(row.node); });
  for (const Symbol node : nodes) {
    const Observed* const observed = world.observed.find(node);
    if (observed == nullptr) continue;
    for (const ObservedPublication& publication : observed->report->body->publications) {
      if (publication.app != name) continue;
      LaunchUrl url{publication.port_name, node.str(), "", publication.problem};
      if (publication.host_port != 0 && publication.problem.empty())
        url.url = "http://" + publication.address + ":" + std::to_string(publication.host_port);
      urls.push_back(std::move(url));
    }
  }
  return urls;
}

InstanceView view_instance(const World& world, const InstanceId& id, const InstanceRow& row, PlaceSearch& search) {
  InstanceView view;
  view.id = id;
  view.name = short_name(id);
  view.node = row.node.str();
  if (const Shared<BootSpec>* const boot = world.templates.find({id.app_name(), id.rollout}))
    view.image = (*boot)->image;
  view.goal = to_string(row.goal);
  view.status = search.status(id, row);
  view.node_unknown = is_silent(world, row.node) && !has_ended(*row.status);
  view.created_at = row.created_at;
  return view;
}

}  // namespace

AppView view_app(const World& world, const AppName& name, const AppRow& row, PlaceSearch& search) {
  const Count total = count(world, name, row);
  AppView view;
  view.app = *row.app;
  view.phase = phase_of(world, row, total);
  view.desired = row.app->spec.replicas;
  view.ready = total.ready;
  view.up_to_date = total.up_to_date;
  view.rollout = row.rollout;
  view.restarts = total.restarts;
  view.conditions.push_back(ready_condition(row, total, search));
  view.conditions.push_back(rollout_condition(world, row));
  view.urls = urls_of(world, name);
  view.created_at = row.created_at;
  view.updated_at = row.updated_at;
  return view;
}

AppView view_app(const World& world, const AppName& name, const AppRow& row) {
  PlaceSearch search(world, kFleetSearchedInLists);
  return view_app(world, name, row, search);
}

InstanceView view_instance(const World& world, const InstanceId& id, const InstanceRow& row) {
  PlaceSearch search(world, kFleetSearchedInLists);
  return view_instance(world, id, row, search);
}

RolloutView view_rollout(const World& world, const AppName& name, const AppRow& row) {
  RolloutView view;
  view.tenant = name.tenant.str();
  view.app = name.app.str();
  const RolloutPolicy policy = rollout_policy(world, *row.app);
  view.strategy = name_of(policy.strategy);
  view.phase = to_string(row.state.phase);
  Verdict told = told_of(row);
  view.reason = std::move(told.reason);
  view.message = std::move(told.message);
  view.rollout = row.rollout;
  view.desired = row.app->spec.replicas;
  view.promoted = row.state.promoted;
  const RolloutFacts facts = facts_of(world, name, row, Now{world.as_of, {}});
  const RolloutSteps steps = plan_rollout(facts);
  view.updated = steps.arrived;
  for (const auto& [id, why] : steps.holds) view.holds.push_back(short_name(id) + ": " + why);
  std::map<std::uint64_t, std::uint32_t> running;
  CurrentTemplate current(world, name, row.rollout);
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& instance) {
    if (instance.goal == InstanceGoal::kStop) return;
    ++running[id.rollout];
    if (!current.covers(id.rollout)) ++view.old;
  });
  for (auto note = row.history.rbegin(); note != row.history.rend(); ++note) {
    TemplateView one{note->rollout,   note->at,      note->generation,      "", std::string(to_string(note->outcome)),
                     note->automatic, note->message, running[note->rollout]};
    if (const Shared<BootSpec>* const boot = world.templates.find({name, note->rollout})) one.image = (*boot)->image;
    view.history.push_back(std::move(one));
  }
  return view;
}

namespace {

// What `old` waits for: what is there of the template that serves, else of the current one.
const Joined* successor_of(const Joined& old, const std::vector<Joined>& instances) {
  const Joined* found = nullptr;
  for (const Joined& one : instances) {
    if (one.id.slot != old.id.slot || one.row == nullptr || one.id == old.id) continue;
    if (one.bucket == Bucket::kOutdated && one.of_live) return &one;
    if (one.bucket == Bucket::kCurrent || one.bucket == Bucket::kUnplaced) found = &one;
  }
  return found;
}

// Why an instance is still on a drained node.
std::string what_blocks(const World& world, const InstanceId& id, PlaceSearch& search) {
  const std::string name = short_name(id);
  if (world.instances.find(id)->goal == InstanceGoal::kStop) return name + " is stopping";
  const AppName app = id.app_name();
  const RolloutFacts facts = facts_of(world, app, *world.apps.find(app), Now{world.as_of, {}});
  const auto here = std::ranges::find(facts.instances, id, &Joined::id);
  if (here->bucket == Bucket::kCurrent) return name + " stays: " + std::string(here->reason);
  for (const auto& [held, why] : plan_rollout(facts).holds)
    if (held == id) return name + " stays for now: " + why;
  const Joined* const successor = successor_of(*here, facts.instances);
  if (successor == nullptr) return name + " waits for its turn within the app's disruption budget";
  return name + " waits: " + describe_instance(successor->id, *successor->row, search);
}

Condition drained_condition(const World& world, Symbol name, Symbol tenant, PlaceSearch& search) {
  if (is_drained(world, name)) return {"Drained", "True", "Empty", "no instance runs here any more"};
  std::string first;
  std::size_t left = 0;
  std::size_t foreign = 0;
  for_each_on_node(world, name, [&](const InstanceId& id, const InstanceRow& here) {
    if (here.goal == InstanceGoal::kRun && has_ended(*here.status)) return;
    ++left;
    if (is_foreign(id, tenant))
      ++foreign;
    else if (first.empty())
      first = what_blocks(world, id, search);
  });
  for_each_stray(world, name, [&](const InstanceId& id, const StrayRow& stray) {
    ++left;
    if (is_foreign(id, tenant))
      ++foreign;
    else if (first.empty())
      first =
          short_name(id) + (stray.quarantined ? " is in quarantine: adopt or destroy it" : " is a stray that stops");
  });
  std::string message = counted(left, "instance") + (left == 1 ? " is left" : " are left");
  if (foreign > 0) message += ", " + std::to_string(foreign) + " of other tenants";
  if (!first.empty()) message += ": " + first;
  const Drain& drain = world.nodes.find(name)->node->spec.drain;
  const NodeClock* const clock = world.clocks.nodes.find(name);
  if (clock != nullptr && clock->drain_began && !drain.force && world.as_of < *clock->drain_began + drain.deadline)
    message +=
        "; waits for " +
        format_duration(std::chrono::ceil<std::chrono::seconds>(*clock->drain_began + drain.deadline - world.as_of)) +
        " at most";
  if (!drain.reason.empty()) message += "; reason: " + drain.reason;
  return {"Drained", "False", is_drain_blocked(world, name) ? "Blocked" : "Draining", std::move(message)};
}

}  // namespace

bool is_foreign(const InstanceId& id, Symbol tenant) {
  return !tenant.empty() && id.tenant != tenant;
}

bool is_drain_blocked(const World& world, Symbol node) {
  bool blocked = false;
  for_each_on_node(world, node, [&](const InstanceId& id, const InstanceRow&) {
    for_each_instance(world, id.app_name(), [&](const InstanceId& other, const InstanceRow& row) {
      blocked |= other.slot == id.slot && row.goal == InstanceGoal::kRun && row.node.empty();
    });
  });
  for_each_stray(world, node, [&](const InstanceId&, const StrayRow& stray) { blocked |= stray.quarantined; });
  return blocked;
}

NodeView view_node(const World& world, Symbol name, const NodeRow& row, Symbol tenant, PlaceSearch& search) {
  NodeView view;
  view.node = *row.node;
  view.labels = row.node->metadata.labels;
  view.labels.insert(row.agent_labels.begin(), row.agent_labels.end());
  view.health = to_string(row.health);
  view.agent_start = row.agent_start;
  if (row.info) view.info = *row.info;
  view.allocatable = allocatable(row);
  if (const NodeLoad* const load = world.loads.find(name)) {
    view.assigned = load->assigned;
    view.instances = load->instances;
  }
  if (const Observed* const observed = world.observed.find(name)) {
    view.used = observed->report->body->used;
    view.last_report_ago = world.as_of - observed->received;
  }
  Condition ready{"Ready", row.health == NodeHealth::kReady ? "True" : "Unknown", "Reporting", ""};
  switch (row.health) {
    case NodeHealth::kReady:
      break;
    case NodeHealth::kUnknown:
      ready.reason = is_isolated(world, world.as_of) ? "Isolated" : "Silent";
      ready.message = is_isolated(world, world.as_of)
                          ? "most nodes are silent, which may be our own fault: nothing is moved"
                          : "no report for 40 s; its instances are left as they are";
      break;
    case NodeHealth::kLost:
      ready.reason = "Lost";
      ready.message =
          "silent for more than a minute; its instances are replaced when their app's disconnect.lostAfter has "
          "passed, unless it says replace: false";
      break;
    case NodeHealth::kNeverSeen:
      ready.reason = "NeverSeen";
      ready.message = "declared, and no agent of this name has reported yet";
      break;
  }
  view.conditions.push_back(std::move(ready));
  if (const NodeClock* const clock = world.clocks.nodes.find(name); clock != nullptr && world.as_of < clock->held_until)
    view.conditions.push_back(
        {"Trusted", "False", "HeldDown",
         "it came back " + std::to_string(clock->returns) + " times: nothing new is placed here for " +
             format_duration(std::chrono::ceil<std::chrono::seconds>(clock->held_until - world.as_of))});
  if (!row.node->spec.schedulable)
    view.conditions.push_back({"Schedulable", "False", "Cordoned", "nothing new is placed here"});
  if (row.node->spec.drain.enabled) view.conditions.push_back(drained_condition(world, name, tenant, search));
  view.created_at = row.created_at;
  return view;
}

NodeView view_node(const World& world, Symbol name, const NodeRow& row, Symbol tenant) {
  PlaceSearch search(world, kFleetSearchedInLists);
  return view_node(world, name, row, tenant, search);
}

TenantView view_tenant(const World& world, Symbol name, const TenantRow& row) {
  TenantView view;
  view.tenant = *row.tenant;
  view.created_at = row.created_at;
  for (auto it = world.apps.lower_bound({name, {}}); it != world.apps.end() && it->first.tenant == name; ++it)
    ++view.apps;
  const auto [declared, placed] = totals_of(world, name);
  view.declared_instances = static_cast<std::uint32_t>(declared.instances);
  view.declared = declared.resources;
  view.used_instances = static_cast<std::uint32_t>(std::max(declared.instances, placed.instances));
  view.used = {std::max(declared.resources.cpu, placed.resources.cpu),
               std::max(declared.resources.memory, placed.resources.memory)};
  for (auto it = world.instances.lower_bound(InstanceId{name, {}, 0, 0, 0});
       it != world.instances.end() && it->first.tenant == name; ++it) {
    ++view.instances;
    const NodeRow* const node = world.nodes.find(it->second.node);
    const Shared<BootSpec>* const boot = world.templates.find({it->first.app_name(), it->first.rollout});
    if (node != nullptr && boot != nullptr && takes_room(it->second)) view.assigned += footprint(**boot, *node);
  }
  return view;
}

StatusView view_status(const World& world, std::string_view tenant) {
  const Symbol name(tenant);
  StatusView view;
  view.revision = world.revision;
  view.tenant = tenant;
  PlaceSearch search(world, kFleetSearchedInLists);
  for (auto it = world.apps.lower_bound({name, {}}); it != world.apps.end() && it->first.tenant == name; ++it)
    view.apps.push_back(view_app(world, it->first, it->second, search));
  for (auto it = world.instances.lower_bound(InstanceId{name, {}, 0, 0, 0});
       it != world.instances.end() && it->first.tenant == name; ++it)
    view.instances.push_back(view_instance(world, it->first, it->second, search));
  for (const auto& [key, operation] : world.operations) {
    if (operation->target.tenant != name) continue;
    view.operations.push_back(*operation);
  }
  std::reverse(view.operations.begin(), view.operations.end());
  if (view.operations.size() > kRecentOperations) view.operations.resize(kRecentOperations);
  for (const auto& [node, row] : world.nodes) view.nodes.push_back(view_node(world, node, row, name, search));
  view.restored = world.history_lost;
  for (QuarantinedView& one : view_quarantine(world))
    if (one.id.tenant == name) view.quarantine.push_back(std::move(one));
  return view;
}

}  // namespace unik::controller
