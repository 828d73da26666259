#include "controller/core/place.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace unik::controller {
namespace {

constexpr std::size_t kMissesNamed = 3;

std::optional<std::string> unmet_selector(const Labels& wanted, const Labels& labels) {
  for (const auto& [key, value] : wanted) {
    const auto found = labels.find(key);
    if (found == labels.end()) return "label " + key + "=" + value + " is not set";
    if (found->second != value) return "label " + key + " is " + found->second + ", want " + value;
  }
  return std::nullopt;
}

std::optional<std::string> shortage(const Resources& need, const Resources& free) {
  if (need.memory > free.memory) return "memory is " + format_bytes(need.memory - free.memory) + " short";
  if (need.cpu > free.cpu) return "cpu is " + format_milli_cpu(need.cpu - free.cpu) + " short";
  return std::nullopt;
}

// What keeps instances off a node whatever its load.
std::optional<std::string> unfit(const NodeRow& node, const Labels& app_selector, const Labels& tenant_selector) {
  if (!node.info) return "no agent has registered";
  if (node.health != NodeHealth::kReady) return "it is " + std::string(to_string(node.health));
  if (!node.node->spec.schedulable) return "it is cordoned";
  const Labels& labels = node.node->metadata.labels;
  if (auto unmet = unmet_selector(app_selector, labels)) return unmet;
  return unmet_selector(tenant_selector, labels);
}

std::int64_t per_mille(std::int64_t part, std::int64_t whole) { return whole <= 0 ? 1000 : part * 1000 / whole; }

}  // namespace

Placer::Placer(const World& world, const App& app) {
  std::map<Symbol, std::uint32_t> of_app;
  for_each_instance(world, app.name(), [&](const InstanceId&, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kRun) ++of_app[row.node];
  });
  const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant));
  const Labels no_selector;
  const Labels& tenant_selector = tenant == nullptr ? no_selector : tenant->tenant->spec.node_selector;
  for (const auto& [name, row] : world.nodes) {
    if (auto rule = unfit(row, app.spec.placement.node_selector, tenant_selector)) {
      exclusions_.push_back({name, std::move(*rule)});
      continue;
    }
    Candidate candidate;
    candidate.node = name;
    candidate.total = allocatable(row);
    candidate.free = candidate.total;
    candidate.free -= world.loads.find(name)->assigned;
    candidate.need = footprint(app.spec.boot, row);
    const auto count = of_app.find(name);
    if (count != of_app.end()) candidate.of_app = count->second;
    candidates_.push_back(std::move(candidate));
  }
}

std::variant<Symbol, NoPlace> Placer::next() {
  Candidate* best = nullptr;
  // Fewest of the same app first, then the least loaded; candidates are in the order of names, which breaks ties.
  const auto score = [](const Candidate& one) {
    const std::int64_t cpu = per_mille(one.total.cpu.value - one.free.cpu.value + one.need.cpu.value, one.total.cpu.value);
    const std::int64_t memory =
        per_mille(one.total.memory.value - one.free.memory.value + one.need.memory.value, one.total.memory.value);
    return std::tuple(one.of_app, std::max(cpu, memory));
  };
  for (Candidate& candidate : candidates_) {
    if (shortage(candidate.need, candidate.free)) continue;
    if (best == nullptr || score(candidate) < score(*best)) best = &candidate;
  }
  if (best != nullptr) {
    best->free -= best->need;
    ++best->of_app;
    return best->node;
  }
  NoPlace none;
  none.exclusions = exclusions_;
  for (const Candidate& candidate : candidates_)
    none.exclusions.push_back({candidate.node, *shortage(candidate.need, candidate.free)});
  std::sort(none.exclusions.begin(), none.exclusions.end(),
            [](const Exclusion& a, const Exclusion& b) { return a.node < b.node; });
  none.message = none.exclusions.empty() ? "no node is declared and no agent has registered"
                                         : "0 of " + std::to_string(none.exclusions.size()) + " nodes fit";
  for (std::size_t i = 0; i < std::min(none.exclusions.size(), kMissesNamed); ++i)
    none.message += (i == 0 ? ": " : "; ") + none.exclusions[i].node.str() + ": " + none.exclusions[i].rule;
  return none;
}

}  // namespace unik::controller
