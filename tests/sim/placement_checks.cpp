#include "tests/sim/placement_checks.hpp"

#include <algorithm>
#include <map>
#include <variant>

namespace unik::sim {
namespace {

using namespace controller;

bool has_label(const NodeRow& node, const std::string& key, const std::string& value) {
  if (key == "unikctl.dev/name") return node.node->metadata.name == value;
  const Labels& declared = node.node->metadata.labels;
  if (const auto found = declared.find(key); found != declared.end()) return found->second == value;
  const auto found = node.agent_labels.find(key);
  return found != node.agent_labels.end() && found->second == value;
}

bool has_labels(const NodeRow& node, const Labels& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& pair) { return has_label(node, pair.first, pair.second); });
}

bool is_tolerated(const App& app, const Taint& taint) {
  return std::ranges::any_of(app.spec.placement.tolerations, [&](const Toleration& one) {
    return one.key == taint.key && one.value.value_or(taint.value) == taint.value;
  });
}

// Empty where nothing is wrong with the node for the app.
std::string obstacle(const World& world, const NodeRow& node, const App& app) {
  if (node.health != NodeHealth::kReady) return "is not ready";
  if (!node.node->spec.schedulable) return "is cordoned";
  if (node.node->spec.drain.enabled) return "is being drained";
  for (const Taint& taint : node.node->spec.taints)
    if (!is_tolerated(app, taint)) return "has the taint " + taint.key + "=" + taint.value;
  if (!has_labels(node, app.spec.placement.node_selector)) return "does not match its app's selector";
  const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant));
  if (tenant != nullptr && !has_labels(node, tenant->tenant->spec.node_selector))
    return "does not match its tenant's selector";
  return "";
}

// The record gives it the node; what is adopted is there already.
bool is_placed_by(const World& before, const PutInstance& put) {
  const InstanceRow* const was = before.instances.find(put.id);
  const bool had_one = was != nullptr && !was->node.empty();
  return put.row.goal == InstanceGoal::kRun && !put.row.node.empty() && !had_one &&
         !before.strays.contains({put.row.node, put.id});
}

}  // namespace

std::vector<std::string> check_placements(const World& before, const World& after, const Record& record,
                                          Resources capacity) {
  std::vector<std::string> broken;
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put == nullptr || !is_placed_by(before, *put)) continue;
    const AppRow* const app = after.apps.find(put->id.app_name());
    const NodeRow* const node = after.nodes.find(put->row.node);
    const std::string where = to_string(put->id) + " is placed on " + put->row.node.str() + ", which ";
    if (app == nullptr || node == nullptr) {
      broken.push_back("placed: " + where + "is not there, or its app is not");
      continue;
    }
    if (const std::string what = obstacle(after, *node, *app->app); !what.empty())
      broken.push_back("placed: " + where + what);
    const Resources& assigned = after.loads.find(put->row.node)->assigned;
    const Resources& reserved = node->node->spec.reserved;
    if (assigned.cpu.value > capacity.cpu.value - reserved.cpu.value ||
        assigned.memory.value > capacity.memory.value - reserved.memory.value)
      broken.push_back("capacity: " + where + "is promised more than it has to give");
  }
  return broken;
}

std::vector<std::string> check_host_ports(const World& world) {
  std::vector<std::string> broken;
  std::map<std::uint16_t, AppName> owners;
  for (const auto& [name, row] : world.apps) {
    if (row.deleting) continue;
    for (const Publication& publication : row.app->spec.run.publications) {
      if (!publication.host_port) continue;
      const auto [owner, is_new] = owners.emplace(*publication.host_port, name);
      if (!is_new && owner->second != name)
        broken.push_back("ports: " + to_string(name) + " and " + to_string(owner->second) + " both publish " +
                         std::to_string(*publication.host_port));
    }
  }
  return broken;
}

}  // namespace unik::sim
