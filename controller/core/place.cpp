#include "controller/core/place.hpp"

#include <algorithm>
#include <optional>

#include "controller/core/diff.hpp"
#include "controller/core/quota.hpp"

namespace unik::controller {
namespace {

constexpr std::size_t kMissesNamed = 3;

// The node's own word on `key`: a declared label, else what its agent has told.
std::optional<std::string> label_of(const NodeRow& node, const std::string& key) {
  const Labels& labels = node.node->metadata.labels;
  if (const auto found = labels.find(key); found != labels.end()) return found->second;
  if (key == kNameLabel) return node.node->metadata.name;
  if (!node.info) return std::nullopt;
  if (key == kAcceleratorLabel) return node.info->accelerator;
  if (key != kPlatformLabel) return std::nullopt;
  std::string platform = node.info->platform;
  std::replace(platform.begin(), platform.end(), '/', '-');
  return platform;
}

std::optional<std::string> unmet_selector(const Labels& wanted, const NodeRow& node) {
  for (const auto& [key, value] : wanted) {
    const std::optional<std::string> found = label_of(node, key);
    if (!found) return "label " + key + "=" + value + " is not set";
    if (*found != value) return "label " + key + " is " + *found + ", want " + value;
  }
  return std::nullopt;
}

std::optional<std::string> shortage(const Resources& need, const Resources& free) {
  if (need.memory > free.memory) return "memory is " + format_bytes(need.memory - free.memory) + " short";
  if (need.cpu > free.cpu) return "cpu is " + format_milli_cpu(need.cpu - free.cpu) + " short";
  return std::nullopt;
}

// What keeps instances off a node whatever its load.
std::optional<std::string> unfit(const World& world, const NodeRow& node, const App& app, const Labels& tenant_selector,
                                 Time now) {
  if (!node.info) return "no agent has registered";
  if (node.health != NodeHealth::kReady) return "it is " + std::string(to_string(node.health));
  if (!node.node->spec.schedulable) return "it is cordoned";
  if (node.node->spec.drain.enabled) return "it is being drained";
  for (const Taint& taint : node.node->spec.taints)
    if (!tolerates(app, taint)) return "taint " + taint.key + "=" + taint.value + " is not tolerated";
  const NodeClock* const clock = world.clocks.nodes.find(Symbol(node.node->metadata.name));
  if (clock != nullptr && now < clock->held_until)
    return "it came back " + std::to_string(clock->returns) + " times, and is trusted again in " +
           format_duration(std::chrono::duration_cast<std::chrono::seconds>(clock->held_until - now) + std::chrono::seconds(1));
  if (auto unmet = unmet_selector(app.spec.placement.node_selector, node)) return unmet;
  return unmet_selector(tenant_selector, node);
}

std::int64_t per_mille(std::int64_t part, std::int64_t whole) { return whole <= 0 ? 1000 : part * 1000 / whole; }

}  // namespace

Placer::Placer(const World& world, const App& app, Time now) {
  std::map<Symbol, std::uint32_t> of_app;
  for_each_instance(world, app.name(), [&](const InstanceId&, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kRun && !row.node.empty()) ++of_app[row.node];
  });
  const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant));
  const TenantSpec no_policy;
  const TenantSpec& policy = tenant == nullptr ? no_policy : tenant->tenant->spec;
  bin_pack_ = policy.placement == PlacementStrategy::kBinPack;
  room_ = room_in_quota(world, app);
  const std::vector<Spread>& spreads = app.spec.placement.spread;
  for (const auto& [name, row] : world.nodes) {
    const auto count = of_app.find(name);
    const std::uint32_t here = count == of_app.end() ? 0 : count->second;
    std::vector<std::uint32_t*> domains;
    for (std::size_t i = 0; i < spreads.size(); ++i) {
      std::uint32_t& domain = domains_[{i, label_of(row, spreads[i].by).value_or("")}];
      domain += here;
      domains.push_back(&domain);
    }
    if (auto rule = unfit(world, row, app, policy.node_selector, now)) {
      exclusions_.push_back({name, std::move(*rule)});
      continue;
    }
    Candidate candidate;
    candidate.node = name;
    candidate.total = allocatable(row);
    candidate.free = candidate.total;
    candidate.free -= world.loads.find(name)->assigned;
    candidate.need = footprint(app.spec.boot, row);
    candidate.of_app = here;
    candidate.of_domain = std::move(domains);
    candidates_.push_back(std::move(candidate));
  }
}

Placer::Score Placer::score(const Candidate& one) const {
  Score score;
  for (const std::uint32_t* const domain : one.of_domain) score.first.push_back(*domain);
  if (!bin_pack_) score.first.push_back(one.of_app);
  const std::int64_t cpu = per_mille(one.total.cpu.value - one.free.cpu.value + one.need.cpu.value, one.total.cpu.value);
  const std::int64_t memory =
      per_mille(one.total.memory.value - one.free.memory.value + one.need.memory.value, one.total.memory.value);
  score.second = bin_pack_ ? -std::max(cpu, memory) : std::max(cpu, memory);
  return score;
}

std::variant<Symbol, NoPlace> Placer::next() {
  if (room_ && *room_ == 0) {
    NoPlace none;
    none.reason = "quota_exceeded";
    none.message = "the tenant's quota has been lowered below what it declares";
    return none;
  }
  Candidate* best = nullptr;
  Score best_score;
  for (Candidate& candidate : candidates_) {
    if (shortage(candidate.need, candidate.free)) continue;
    Score one = score(candidate);
    if (best != nullptr && !(one < best_score)) continue;
    best = &candidate;
    best_score = std::move(one);
  }
  if (best == nullptr) return no_place();
  best->free -= best->need;
  ++best->of_app;
  for (std::uint32_t* const domain : best->of_domain) ++*domain;
  if (room_) --*room_;
  return best->node;
}

NoPlace Placer::no_place() const {
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
