#include "tests/scenarios/steps.hpp"

#include <utility>
#include <variant>

namespace unik::controller::scenario {
namespace {

std::string in_tenant(Symbol tenant, const std::string& name) {
  return tenant.str() == kDefaultTenant ? name : tenant.str() + "/" + name;
}

std::string where(const InstanceRow& row) {
  return row.node.empty() ? " nowhere: " + row.status->reason : " on " + row.node.str();
}

// Describes one change by what it makes different in the World before it.
class Describe {
 public:
  explicit Describe(const World& world) : world_(world) {}

  std::string operator()(const PutCluster& change) const {
    return "epoch " + std::to_string(change.row.epoch.recovery_count) + "." + std::to_string(change.row.epoch.term);
  }

  std::string operator()(const PutApp& change) const {
    const AppRow& row = change.row;
    const AppName name = row.app->name();
    const std::string app = "app " + name_of(name);
    const AppRow* const before = world_.apps.find(name);
    if (before != nullptr && row.deleting && !before->deleting) return "delete " + app;
    if (before != nullptr && row.frozen_generation != before->frozen_generation) return "freeze " + app;
    if (before != nullptr && row.app == before->app && row.rollout == before->rollout) return rollout(app, row);
    return (before == nullptr || before->deleting ? "create " : "update ") + app + ": generation " +
           std::to_string(row.app->metadata.generation) + ", rollout " + std::to_string(row.rollout);
  }
  std::string operator()(const RemoveApp& change) const { return "remove app " + name_of(change.name); }

  std::string operator()(const PutNode& change) const {
    const std::string node = "node " + change.row.node->metadata.name;
    const NodeRow* const before = world_.nodes.find(Symbol(change.row.node->metadata.name));
    if (before == nullptr) return (change.row.info ? "register " : "create ") + node;
    if (before->health != change.row.health) return node + " is " + std::string(to_string(change.row.health));
    return (before->info != change.row.info || before->agent_start != change.row.agent_start ? "register "
                                                                                             : "update ") +
           node;
  }
  std::string operator()(const RemoveNode& change) const { return "remove node " + change.name.str(); }

  std::string operator()(const PutTenant& change) const {
    const std::string& name = change.row.tenant->metadata.name;
    return (world_.tenants.contains(Symbol(name)) ? "update tenant " : "create tenant ") + name;
  }
  std::string operator()(const RemoveTenant& change) const { return "remove tenant " + change.name.str(); }

  std::string operator()(const PutTemplate& change) const { return "keep template " + of_template(change.key); }
  std::string operator()(const RemoveTemplate& change) const { return "drop template " + of_template(change.key); }

  std::string operator()(const PutInstance& change) const {
    const InstanceRow* const before = world_.instances.find(change.id);
    if (change.row.goal == InstanceGoal::kStop) return "stop " + name_of(change.id) + where_it_runs(change.row);
    return (before == nullptr ? "create " : "place ") + name_of(change.id) + where(change.row);
  }
  std::string operator()(const RemoveInstance& change) const { return "forget " + name_of(change.id); }
  std::string operator()(const ObserveInstance& change) const {
    return "observe " + name_of(change.id) + ": " + describe(*change.status);
  }

  std::string operator()(const PutStray& change) const {
    return "stop stray " + name_of(change.key.id) + " on " + change.key.node.str();
  }
  std::string operator()(const RemoveStray& change) const {
    return "forget stray " + name_of(change.key.id) + " on " + change.key.node.str();
  }

  std::string operator()(const PutOperation& change) const {
    const Operation& operation = *change.operation;
    std::string line = std::string(to_string(operation.kind)) + " of " + name_of(operation.target) + " is " +
                       std::string(to_string(operation.state));
    if (!operation.message.empty()) line += ": " + operation.message;
    return line;
  }
  std::string operator()(const RemoveOperation& change) const { return "forget operation " + to_string(change.key); }
  std::string operator()(const PutAnswer& change) const { return "keep answer " + change.key; }
  std::string operator()(const RemoveAnswer& change) const { return "forget answer " + change.key; }
  std::string operator()(const NoteTrace& change) const { return "trace " + change.trace_id; }
  std::string operator()(const NoteEvent& change) const {
    return "tell of " + change.object + ": " + change.reason + ": " + change.message;
  }

 private:
  static std::string rollout(const std::string& app, const AppRow& row) {
    std::string line =
        "rollout " + std::to_string(row.rollout) + " of " + app + " is " + std::string(to_string(row.state.phase));
    if (row.state.promoted) line += ", promoted";
    if (row.state.held) line += ", held";
    if (!row.state.reason.empty()) line += ": " + row.state.reason;
    return line;
  }
  static std::string of_template(const TemplateKey& key) {
    return "r" + std::to_string(key.rollout) + " of app " + name_of(key.app);
  }
  static std::string where_it_runs(const InstanceRow& row) {
    return row.node.empty() ? ", which has no node" : " on " + row.node.str();
  }

  const World& world_;
};

}  // namespace

std::string name_of(const InstanceId& id) {
  return in_tenant(id.tenant, short_name(id));
}
std::string name_of(const AppName& app) {
  return in_tenant(app.tenant, app.app.str());
}

std::string describe(const InstanceStatus& status) {
  std::string line(to_string(status.phase));
  if (status.phase == Phase::kExited && status.last_exit) line += " " + std::to_string(status.last_exit->code);
  if (status.health != Health::kNone) line += " " + std::string(to_string(status.health));
  if (!status.reason.empty()) line += " " + status.reason;
  if (!status.message.empty()) line += ": " + status.message;
  return line;
}

std::vector<std::string> steps_of(const World& before, const Plan& plan) {
  std::vector<std::string> steps;
  World world = before;
  for (const Change& change : plan.changes) {
    steps.push_back(std::visit(Describe(world), change));
    apply(world, change);
  }
  return steps;
}

}  // namespace unik::controller::scenario
