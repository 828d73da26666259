#include "controller/core/place.hpp"

#include <algorithm>
#include <optional>

#include "api/stable_hash.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/quota.hpp"
#include "controller/core/relocate.hpp"

namespace unik::controller {
namespace {

constexpr std::size_t kMissesNamed = 3;

// A fleet of so many nodes is looked at as a whole. Of a larger one some that fit are compared, twice as many as there
// are replicas, and the search begins elsewhere for each app.
constexpr std::size_t kSmallFleet = 500;
constexpr std::size_t kLeastCandidates = 64;

// The node's own word on `key`: a declared label, else what its agent has told.
std::optional<std::string> label_of(const NodeRow& node, const std::string& key) {
  for (const Labels* const labels : {&node.node->metadata.labels, &node.agent_labels})
    if (const auto found = labels->find(key); found != labels->end()) return found->second;
  if (key == kNameLabel) return node.node->metadata.name;
  if (!node.info) return std::nullopt;
  if (key == kAcceleratorLabel) return node.info->accelerator;
  if (key != kPlatformLabel) return std::nullopt;
  std::string platform = node.info->platform;
  std::replace(platform.begin(), platform.end(), '/', '-');
  return platform;
}

// The first pair that the node does not have.
const std::pair<const std::string, std::string>* unmet_pair(const Labels& wanted, const NodeRow& node) {
  for (const auto& pair : wanted)
    if (label_of(node, pair.first) != pair.second) return &pair;
  return nullptr;
}

std::string describe_unmet(const std::pair<const std::string, std::string>& pair, const NodeRow& node) {
  const std::optional<std::string> found = label_of(node, pair.first);
  if (!found) return "label " + pair.first + "=" + pair.second + " is not set";
  return "label " + pair.first + " is " + *found + ", want " + pair.second;
}

const Taint* untolerated(const App& app, const NodeRow& node) {
  for (const Taint& taint : node.node->spec.taints)
    if (!tolerates(app, taint)) return &taint;
  return nullptr;
}

bool is_held_down(const World& world, Symbol node, Time now) {
  const NodeClock* const clock = world.clocks.nodes.find(node);
  return clock != nullptr && now < clock->held_until;
}

bool fits(const Resources& need, const Resources& free) {
  return need.memory <= free.memory && need.cpu <= free.cpu;
}

std::string describe_shortage(const Resources& need, const Resources& free) {
  if (need.memory > free.memory) return "memory is " + about_bytes(need.memory - free.memory) + " short";
  return "cpu is " + format_milli_cpu(need.cpu - free.cpu) + " short";
}

std::int64_t per_mille(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 1000 : part * 1000 / whole;
}

}  // namespace

Placer::Placer(const World& world, const App& app, Time now) : world_(world), app_(app), now_(now) {
  for_each_instance(world, app.name(), [&](const InstanceId&, const InstanceRow& row) {
    if (cannot_be_started(*row.status)) failing_.insert(row.node);
    if (row.goal != InstanceGoal::kRun || row.node.empty()) return;
    ++of_app_[row.node];
    const NodeRow& node = *world.nodes.find(row.node);
    for (std::size_t i = 0; i < app.spec.placement.spread.size(); ++i) ++*domain(i, node);
  });
  if (const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant))) {
    tenant_selector_ = &tenant->tenant->spec.node_selector;
    bin_pack_ = tenant->tenant->spec.placement == PlacementStrategy::kBinPack;
  }
  room_ = room_in_quota(world, app);
  if (!world.nodes.empty())
    from_ = stable_hash(app.metadata.name, stable_hash(app.metadata.tenant)) % world.nodes.size();
  enough_ = std::clamp(std::size_t{2} * app.spec.replicas, kLeastCandidates, kSmallFleet);
  // A fleet that is looked at as a whole is looked at in order.
  if (world.nodes.size() <= kSmallFleet) from_ = 0, enough_ = kSmallFleet;
}

std::uint32_t* Placer::domain(std::size_t spread, const NodeRow& node) {
  return &domains_[{spread, label_of(node, app_.spec.placement.spread[spread].by).value_or("")}];
}

// The first rule that keeps instances off a node; none when it may be taken.
std::optional<std::string> Placer::rule_against(Symbol name, const NodeRow& node) const {
  if (!node.info) return "no agent has registered";
  if (node.health != NodeHealth::kReady) return "it is " + std::string(to_string(node.health));
  if (!node.node->spec.schedulable) return "it is cordoned";
  if (node.node->spec.drain.enabled) return "it is being drained";
  if (failing_.contains(name)) return "it could not start an instance of this app";
  if (const Taint* const taint = untolerated(app_, node))
    return "taint " + taint->key + "=" + taint->value + " is not tolerated";
  if (is_held_down(world_, name, now_)) {
    const NodeClock& clock = *world_.clocks.nodes.find(name);
    const auto left = std::chrono::ceil<std::chrono::seconds>(clock.held_until - now_);
    return "it came back " + std::to_string(clock.returns) + " times, and is trusted again in " + format_duration(left);
  }
  if (const auto* const pair = unmet_pair(app_.spec.placement.node_selector, node)) return describe_unmet(*pair, node);
  if (tenant_selector_ != nullptr)
    if (const auto* const pair = unmet_pair(*tenant_selector_, node)) return describe_unmet(*pair, node);
  return std::nullopt;
}

bool Placer::may_take(Symbol name, const NodeRow& node) const {
  return node.info && node.health == NodeHealth::kReady && node.node->spec.schedulable &&
         !node.node->spec.drain.enabled && !failing_.contains(name) && untolerated(app_, node) == nullptr &&
         !is_held_down(world_, name, now_) && unmet_pair(app_.spec.placement.node_selector, node) == nullptr &&
         (tenant_selector_ == nullptr || unmet_pair(*tenant_selector_, node) == nullptr);
}

// Looks at further nodes until there are enough candidates. False when every node has been looked at.
bool Placer::look_further() {
  if (looked_at_ == world_.nodes.size()) return false;
  std::size_t found = 0;
  // Only all of them show which of a label's values is the emptiest.
  const bool spreads = !app_.spec.placement.spread.empty();
  auto it = world_.nodes.nth((from_ + looked_at_) % world_.nodes.size());
  for (; looked_at_ < world_.nodes.size() && (found < enough_ || spreads); ++looked_at_, ++it) {
    if (it == world_.nodes.end()) it = world_.nodes.begin();
    const auto& [name, row] = *it;
    if (!may_take(name, row)) continue;
    Candidate candidate;
    candidate.node = name;
    candidate.total = allocatable(row);
    candidate.free = candidate.total;
    candidate.free -= world_.loads.find(name)->assigned;
    candidate.need = footprint(app_.spec.boot, row);
    if (!fits(candidate.need, candidate.free)) continue;
    const auto count = of_app_.find(name);
    if (count != of_app_.end()) candidate.of_app = count->second;
    for (std::size_t i = 0; i < app_.spec.placement.spread.size(); ++i) candidate.domains[i] = domain(i, row);
    candidate.score = score(candidate);
    candidates_.push_back(std::move(candidate));
    std::push_heap(candidates_.begin(), candidates_.end(), worse);
    ++found;
  }
  return true;
}

Placer::Score Placer::score(const Candidate& one) const {
  Score score;
  std::size_t next = 0;
  for (std::size_t i = 0; i < app_.spec.placement.spread.size(); ++i) score.counts[next++] = *one.domains[i];
  if (!bin_pack_) score.counts[next] = one.of_app;
  const std::int64_t cpu =
      per_mille(one.total.cpu.value - one.free.cpu.value + one.need.cpu.value, one.total.cpu.value);
  const std::int64_t memory =
      per_mille(one.total.memory.value - one.free.memory.value + one.need.memory.value, one.total.memory.value);
  score.load = bin_pack_ ? -std::max(cpu, memory) : std::max(cpu, memory);
  return score;
}

bool Placer::worse(const Candidate& a, const Candidate& b) {
  return b.score != a.score ? b.score < a.score : b.node < a.node;
}

// The candidates are a heap by scores that may be out of date. A score that is out of date is too good, since counts
// only grow: so the best of the heap is brought up to date until it stays the best.
Placer::Candidate* Placer::best() {
  while (!candidates_.empty()) {
    std::pop_heap(candidates_.begin(), candidates_.end(), worse);
    Candidate& top = candidates_.back();
    if (!fits(top.need, top.free)) {
      candidates_.pop_back();
      continue;
    }
    const Score now = score(top);
    if (now == top.score) return &top;
    top.score = now;
    std::push_heap(candidates_.begin(), candidates_.end(), worse);
  }
  return nullptr;
}

std::variant<Symbol, NoPlace> Placer::next(bool is_replacement) {
  if (none_) return *none_;
  if (room_ && *room_ == 0 && !is_replacement) {
    NoPlace none;
    none.reason = "quota_exceeded";
    none.message = "the tenant's quota has been lowered below what it declares";
    return none;
  }
  if (candidates_.empty()) look_further();
  Candidate* found = best();
  while (found == nullptr && look_further()) found = best();
  if (found == nullptr) return none_.emplace(no_place());
  found->free -= found->need;
  ++found->of_app;
  for (std::size_t i = 0; i < app_.spec.placement.spread.size(); ++i) ++*found->domains[i];
  if (room_ && !is_replacement) --*room_;
  const Symbol node = found->node;
  found->score = score(*found);
  std::push_heap(candidates_.begin(), candidates_.end(), worse);
  return node;
}

NoPlace Placer::no_place() const {
  NoPlace none;
  for (const auto& [name, row] : world_.nodes) {
    std::optional<std::string> rule = rule_against(name, row);
    if (!rule) {
      Resources free = allocatable(row);
      free -= world_.loads.find(name)->assigned;
      rule = describe_shortage(footprint(app_.spec.boot, row), free);
    }
    none.exclusions.push_back({name, std::move(*rule)});
  }
  none.message = none.exclusions.empty() ? "no node is declared and no agent has registered"
                                         : "0 of " + std::to_string(none.exclusions.size()) + " nodes fit";
  for (std::size_t i = 0; i < std::min(none.exclusions.size(), kMissesNamed); ++i)
    none.message += (i == 0 ? ": " : "; ") + none.exclusions[i].node.str() + ": " + none.exclusions[i].rule;
  return none;
}

}  // namespace unik::controller
