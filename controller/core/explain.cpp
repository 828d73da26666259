#include "controller/core/explain.hpp"

#include <utility>
#include <variant>

#include "controller/core/diff.hpp"
#include "controller/core/place_search.hpp"
#include "controller/core/rollout.hpp"
#include "controller/core/status.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

std::string describe(const Condition& condition) {
  std::string text = condition.type + "=" + condition.status + "/" + condition.reason;
  if (!condition.message.empty()) text += ": " + condition.message;
  return text;
}

// Each node with the first rule that keeps `id` off it; the nearest miss first.
void explain_placement(const World& world, const AppRow& app, const InstanceId& id,
                       const std::vector<Joined>& instances, Explanation& explanation) {
  const Shared<BootSpec>* const boot = world.templates.find({id.app_name(), id.rollout});
  if (boot == nullptr) return;
  Placer placer(world, *app.app, **boot, world.as_of, making_way(instances, {id}));
  std::variant<Symbol, NoPlace> choice = placer.next(id.slot);
  if (const Symbol* const node = std::get_if<Symbol>(&choice)) {
    explanation.reasons.push_back("one more instance would go to " + node->str());
    return;
  }
  const NoPlace& none = std::get<NoPlace>(choice);
  if (none.reason == kQuotaExceeded || world.nodes.empty()) {
    explanation.reasons.push_back(none.message);
    return;
  }
  for (const Exclusion& exclusion : placer.exclusions())
    explanation.reasons.push_back("no room on " + exclusion.node.str() + ": " + exclusion.rule);
}

// Of those that wait for a place one that replaces another, if there is one: its quota holds it back last.
std::optional<InstanceId> to_explain(const World& world, const std::vector<Joined>& instances) {
  std::optional<InstanceId> found;
  for (const Joined& one : instances) {
    if (one.row == nullptr || !waits_for_place(*one.row)) continue;
    if (is_replacement(world, one.id)) return one.id;
    if (!found) found = one.id;
  }
  return found;
}

}  // namespace

std::optional<Explanation> explain_app(const World& world, const AppName& name) {
  const AppRow* const row = world.apps.find(name);
  if (row == nullptr) return std::nullopt;
  PlaceSearch search(world);
  const AppView view = view_app(world, name, *row, search);
  Explanation explanation;
  explanation.object = "app/" + name.app.str();
  explanation.conditions = view.conditions;
  explanation.summary = view.phase + ", " + describe(view.conditions.front());
  if (is_frozen(*row)) {
    explanation.reasons.push_back("planning is stopped for generation " + std::to_string(row->frozen_generation));
    return explanation;
  }
  const RolloutFacts facts = facts_of(world, name, *row, Now{world.as_of, {}});
  const std::vector<Joined>& instances = facts.instances;
  for (const Joined& instance : instances) {
    std::string text = instance.row == nullptr ? short_name(instance.id) + " is not there"
                                               : describe_instance(instance.id, *instance.row, search);
    text += " [" + std::string(to_string(instance.bucket)) + ": " + std::string(instance.reason) + "]";
    explanation.reasons.push_back(std::move(text));
  }
  if (!row->deleting)
    for (const auto& [id, why] : plan_rollout(facts).holds)
      explanation.reasons.push_back(short_name(id) +
                                    (world.instances.contains(id) ? " stays for now: " : " comes later: ") + why);
  if (const auto id = to_explain(world, instances)) explain_placement(world, *row, *id, instances, explanation);
  for (const LaunchUrl& url : view.urls)
    if (!url.problem.empty())
      explanation.reasons.push_back("port " + url.port_name + " on " + url.node + ": " + url.problem);
  return explanation;
}

std::optional<Explanation> explain_instance(const World& world, const InstanceId& id) {
  const InstanceRow* const row = world.instances.find(id);
  const AppRow* const app = world.apps.find(id.app_name());
  if (row == nullptr || app == nullptr) return std::nullopt;
  Explanation explanation;
  explanation.object = "instance/" + short_name(id);
  PlaceSearch search(world);
  explanation.summary = describe_instance(id, *row, search);
  const std::vector<Joined> instances = diff_app(world, id.app_name(), *app, world.as_of);
  for (const Joined& instance : instances)
    if (instance.id == id)
      explanation.reasons.push_back(std::string(to_string(instance.bucket)) + ": " + std::string(instance.reason));
  const NodeRow* const node = world.nodes.find(row->node);
  if (waits_for_place(*row)) explain_placement(world, *app, id, instances, explanation);
  if (node != nullptr && (node->health == NodeHealth::kUnknown || node->health == NodeHealth::kLost))
    explanation.reasons.push_back("node " + row->node.str() +
                                  (node->health == NodeHealth::kLost ? " is lost" : " is silent") +
                                  ": this is what it said last");
  return explanation;
}

std::optional<Explanation> explain_node(const World& world, Symbol name, Symbol tenant) {
  const NodeRow* const row = world.nodes.find(name);
  if (row == nullptr) return std::nullopt;
  PlaceSearch search(world);
  const NodeView view = view_node(world, name, *row, tenant, search);
  Explanation explanation;
  explanation.object = "node/" + name.str();
  explanation.conditions = view.conditions;
  explanation.summary = describe(view.conditions.front());
  if (view.info) {
    explanation.reasons.push_back(
        "runs VMs with " + view.info->accelerator +
        (view.info->accelerator_reason.empty() ? "" : ", since " + view.info->accelerator_reason));
    std::uint32_t ended = 0;
    for_each_on_node(world, name,
                     [&](const InstanceId&, const InstanceRow& here) { ended += takes_room(here) ? 0 : 1; });
    explanation.reasons.push_back("can give away " + format_milli_cpu(view.allocatable.cpu) + " CPU and " +
                                  about_bytes(view.allocatable.memory) + ", has given " +
                                  format_milli_cpu(view.assigned.cpu) + " and " + about_bytes(view.assigned.memory) +
                                  " to " + counted(view.instances - ended, "instance") +
                                  (ended == 0 ? "" : ", and nothing to " + std::to_string(ended) + " that ended"));
  }
  std::size_t foreign = 0;
  for_each_stray(world, name, [&](const InstanceId& id, const StrayRow& stray) {
    if (is_foreign(id, tenant)) return static_cast<void>(++foreign);
    explanation.reasons.push_back(stray.quarantined
                                      ? "runs " + to_string(id) + ", which is quarantined: `unikctl quarantine list`"
                                      : "is told to stop " + to_string(id) + ", which nobody wants");
  });
  if (foreign > 0)
    explanation.reasons.push_back("runs " + counted(foreign, "instance") + " of other tenants that nobody wants");
  return explanation;
}

}  // namespace unik::controller
