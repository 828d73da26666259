#include "controller/core/status.hpp"

#include <algorithm>

#include "controller/core/diff.hpp"
#include "controller/core/place.hpp"

namespace unik::controller {
namespace {

struct Count {
  std::uint32_t ready = 0;
  std::uint32_t up_to_date = 0;
  std::uint32_t done = 0;  // jobs that ended well
  std::uint32_t failed = 0;
  std::uint32_t restarts = 0;
  std::uint32_t running = 0;
  const InstanceStatus* waiting = nullptr;
  InstanceId waiting_id;
};

bool ended_well(const InstanceStatus& status) {
  return status.phase == Phase::kExited && status.last_exit && *status.last_exit == Exit{ExitKind::kExited, 0};
}

Count count(const World& world, const AppName& name, const AppRow& app) {
  Count total;
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kStop) return;
    const InstanceStatus& status = *row.status;
    total.restarts += status.restarts;
    if (status.phase == Phase::kRunning) ++total.running;
    if (is_ready(status)) ++total.ready;
    if (id.rollout != app.rollout) return;
    if (is_ready(status)) ++total.up_to_date;
    if (ended_well(status)) {
      ++total.done;
      ++total.up_to_date;
    } else if (is_final(status) || status.reason == "crash_loop") {
      ++total.failed;
    }
    if (!is_ready(status) && !ended_well(status) && total.waiting == nullptr) {
      total.waiting = &status;
      total.waiting_id = id;
    }
  });
  return total;
}

bool is_frozen(const AppRow& row) { return row.frozen_generation == row.app->metadata.generation; }

std::string phase_of(const AppRow& row, const Count& total) {
  const std::uint32_t desired = row.app->spec.replicas;
  if (row.deleting) return "deleting";
  if (is_frozen(row)) return "frozen";
  if (desired > 0 && total.done == desired) return "completed";
  if (total.failed > 0) return total.ready > 0 ? "degraded" : "failed";
  if (total.up_to_date == desired) return "ready";
  if (total.ready == 0) return "pending";
  return "progressing";
}

Condition ready_condition(const AppRow& row, const Count& total) {
  const std::uint32_t desired = row.app->spec.replicas;
  Condition condition{"Ready", "False", "Progressing", std::to_string(total.ready) + " of " + std::to_string(desired) + " ready"};
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
    condition.reason = total.waiting->reason.empty() ? std::string(to_string(total.waiting->health)) : total.waiting->reason;
    condition.message += "; " + short_name(total.waiting_id) + ": " + condition.reason;
    if (!total.waiting->message.empty()) condition.message += ": " + total.waiting->message;
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
    for (const ObservedPublication& publication : observed->report->body.publications) {
      if (publication.app != name) continue;
      LaunchUrl url{publication.port_name, node.str(), "", publication.problem};
      if (publication.host_port != 0 && publication.problem.empty())
        url.url = "http://" + publication.address + ":" + std::to_string(publication.host_port);
      urls.push_back(std::move(url));
    }
  }
  return urls;
}

std::string describe(const Condition& condition) {
  std::string text = condition.type + "=" + condition.status + "/" + condition.reason;
  if (!condition.message.empty()) text += ": " + condition.message;
  return text;
}

std::string describe_instance(const InstanceId& id, const InstanceRow& row) {
  std::string text = short_name(id) + " is " + std::string(to_string(row.status->phase));
  if (!row.node.empty()) text += " on " + row.node.str();
  if (!row.status->reason.empty()) text += ", " + row.status->reason;
  if (!row.status->message.empty()) text += ": " + row.status->message;
  return text;
}

// Each node with the first rule that keeps the app off it.
void explain_placement(const World& world, const App& app, Explanation& explanation) {
  std::variant<Symbol, NoPlace> choice = Placer(world, app).next();
  if (const Symbol* const node = std::get_if<Symbol>(&choice)) {
    explanation.reasons.push_back("one more instance would go to " + node->str());
    return;
  }
  const NoPlace& none = std::get<NoPlace>(choice);
  if (none.exclusions.empty()) explanation.reasons.push_back(none.message);
  for (const Exclusion& exclusion : none.exclusions)
    explanation.reasons.push_back("no room on " + exclusion.node.str() + ": " + exclusion.rule);
}

}  // namespace

AppView view_app(const World& world, const AppName& name, const AppRow& row) {
  const Count total = count(world, name, row);
  AppView view;
  view.app = *row.app;
  view.phase = phase_of(row, total);
  view.desired = row.app->spec.replicas;
  view.ready = total.ready;
  view.up_to_date = total.up_to_date;
  view.rollout = row.rollout;
  view.restarts = total.restarts;
  view.conditions.push_back(ready_condition(row, total));
  view.urls = urls_of(world, name);
  view.created_at = row.created_at;
  view.updated_at = row.updated_at;
  return view;
}

InstanceView view_instance(const World& world, const InstanceId& id, const InstanceRow& row) {
  InstanceView view;
  view.id = id;
  view.name = short_name(id);
  view.node = row.node.str();
  if (const Shared<BootSpec>* const boot = world.templates.find({id.app_name(), id.rollout})) view.image = (*boot)->image;
  view.goal = to_string(row.goal);
  view.status = *row.status;
  const NodeRow* const node = world.nodes.find(row.node);
  view.node_unknown = node != nullptr && node->health == NodeHealth::kUnknown;
  view.created_at = row.created_at;
  return view;
}

NodeView view_node(const World& world, Symbol name, const NodeRow& row) {
  NodeView view;
  view.node = *row.node;
  view.health = to_string(row.health);
  if (row.info) view.info = *row.info;
  view.allocatable = allocatable(row);
  if (const NodeLoad* const load = world.loads.find(name)) {
    view.assigned = load->assigned;
    view.instances = load->instances;
  }
  if (const Observed* const observed = world.observed.find(name)) {
    view.used = observed->report->body.used;
    view.last_report_ago = world.as_of - observed->received;
  }
  Condition ready{"Ready", row.health == NodeHealth::kReady ? "True" : "Unknown", "Reporting", ""};
  if (row.health == NodeHealth::kUnknown) ready.reason = "Silent";
  if (row.health == NodeHealth::kUnknown) ready.message = "no report for 40 s; its instances are left as they are";
  if (row.health == NodeHealth::kNeverSeen) ready.reason = "NeverSeen";
  if (row.health == NodeHealth::kNeverSeen) ready.message = "declared, and no agent of this name has reported yet";
  view.conditions.push_back(std::move(ready));
  if (!row.node->spec.schedulable) view.conditions.push_back({"Schedulable", "False", "Cordoned", "nothing new is placed here"});
  view.created_at = row.created_at;
  return view;
}

TenantView view_tenant(const World& world, Symbol name, const TenantRow& row) {
  TenantView view;
  view.tenant = *row.tenant;
  view.created_at = row.created_at;
  for (auto it = world.apps.lower_bound({name, {}}); it != world.apps.end() && it->first.tenant == name; ++it) ++view.apps;
  for (auto it = world.instances.lower_bound(InstanceId{name, {}, 0, 0, 0});
       it != world.instances.end() && it->first.tenant == name; ++it) {
    ++view.instances;
    const NodeRow* const node = world.nodes.find(it->second.node);
    const Shared<BootSpec>* const boot = world.templates.find({it->first.app_name(), it->first.rollout});
    if (node != nullptr && boot != nullptr) view.assigned += footprint(**boot, *node);
  }
  return view;
}

StatusView view_status(const World& world, std::string_view tenant) {
  const Symbol name(tenant);
  StatusView view;
  view.revision = world.revision;
  view.tenant = tenant;
  for (auto it = world.apps.lower_bound({name, {}}); it != world.apps.end() && it->first.tenant == name; ++it)
    view.apps.push_back(view_app(world, it->first, it->second));
  for (auto it = world.instances.lower_bound(InstanceId{name, {}, 0, 0, 0});
       it != world.instances.end() && it->first.tenant == name; ++it)
    view.instances.push_back(view_instance(world, it->first, it->second));
  for (const auto& [key, operation] : world.operations) {
    if (operation->target.tenant != name) continue;
    view.operations.push_back(*operation);
  }
  std::reverse(view.operations.begin(), view.operations.end());
  if (view.operations.size() > kRecentOperations) view.operations.resize(kRecentOperations);
  for (const auto& [node, row] : world.nodes) view.nodes.push_back(view_node(world, node, row));
  return view;
}

std::optional<Explanation> explain_app(const World& world, const AppName& name) {
  const AppRow* const row = world.apps.find(name);
  if (row == nullptr) return std::nullopt;
  const AppView view = view_app(world, name, *row);
  Explanation explanation;
  explanation.object = "app/" + name.app.str();
  explanation.conditions = view.conditions;
  explanation.summary = view.phase + ", " + describe(view.conditions.front());
  bool unplaced = false;
  if (is_frozen(*row)) {
    explanation.reasons.push_back("planning is stopped for generation " + std::to_string(row->frozen_generation));
    return explanation;
  }
  for (const Joined& instance : diff_app(world, name, *row)) {
    std::string text = instance.row == nullptr ? short_name(instance.id) + " is not there" : describe_instance(instance.id, *instance.row);
    text += " [" + std::string(to_string(instance.bucket)) + ": " + std::string(instance.reason) + "]";
    explanation.reasons.push_back(std::move(text));
    unplaced |= instance.bucket == Bucket::kUnplaced;
  }
  if (unplaced) explain_placement(world, *row->app, explanation);
  for (const LaunchUrl& url : view.urls)
    if (!url.problem.empty()) explanation.reasons.push_back("port " + url.port_name + " on " + url.node + ": " + url.problem);
  return explanation;
}

std::optional<Explanation> explain_instance(const World& world, const InstanceId& id) {
  const InstanceRow* const row = world.instances.find(id);
  const AppRow* const app = world.apps.find(id.app_name());
  if (row == nullptr || app == nullptr) return std::nullopt;
  Explanation explanation;
  explanation.object = "instance/" + short_name(id);
  explanation.summary = describe_instance(id, *row);
  for (const Joined& instance : diff_app(world, id.app_name(), *app))
    if (instance.id == id)
      explanation.reasons.push_back(std::string(to_string(instance.bucket)) + ": " + std::string(instance.reason));
  const NodeRow* const node = world.nodes.find(row->node);
  if (row->node.empty()) explain_placement(world, *app->app, explanation);
  if (node != nullptr && node->health == NodeHealth::kUnknown)
    explanation.reasons.push_back("node " + row->node.str() + " is silent: this is what it said last");
  return explanation;
}

std::optional<Explanation> explain_node(const World& world, Symbol name) {
  const NodeRow* const row = world.nodes.find(name);
  if (row == nullptr) return std::nullopt;
  const NodeView view = view_node(world, name, *row);
  Explanation explanation;
  explanation.object = "node/" + name.str();
  explanation.conditions = view.conditions;
  explanation.summary = describe(view.conditions.front());
  if (view.info) {
    explanation.reasons.push_back("runs VMs with " + view.info->accelerator +
                                  (view.info->accelerator_reason.empty() ? "" : ", since " + view.info->accelerator_reason));
    explanation.reasons.push_back("can give away " + format_milli_cpu(view.allocatable.cpu) + " CPU and " +
                                  format_bytes(view.allocatable.memory) + ", has given " + format_milli_cpu(view.assigned.cpu) +
                                  " and " + format_bytes(view.assigned.memory) + " to " + std::to_string(view.instances) +
                                  " instances");
  }
  for_each_stray(world, name, [&](const InstanceId& id, const StrayRow&) {
    explanation.reasons.push_back("is told to stop " + to_string(id) + ", which nobody wants");
  });
  return explanation;
}

}  // namespace unik::controller
