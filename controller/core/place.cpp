#include "controller/core/place.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>

#include "api/check.hpp"
#include "api/stable_hash.hpp"
#include "controller/core/quota.hpp"

namespace unik::controller {
namespace {

constexpr std::size_t kMissesNamed = 3;

// A fleet of so many nodes is looked at as a whole. Of a larger one some that fit are compared, twice as many as there
// are replicas, and the search begins elsewhere for each app.
constexpr std::size_t kSmallFleet = 500;
constexpr std::size_t kLeastCandidates = 64;

// So many instances that run the image are looked at for the nodes that have it.
constexpr std::size_t kImageHolders = 16;

// The word of the node on `key`: what its agent has told, else a declared label.
std::optional<std::string> label_of(const NodeRow& node, const std::string& key) {
  if (key == kNameLabel) return node.node->metadata.name;
  if (key == kAcceleratorLabel && node.info) return node.info->accelerator;
  if (key == kPlatformLabel && node.info) {
    std::string platform = node.info->platform;
    std::replace(platform.begin(), platform.end(), '/', '-');
    return platform;
  }
  for (const Labels* const labels : {&node.node->metadata.labels, &node.agent_labels})
    if (const auto found = labels->find(key); found != labels->end()) return found->second;
  return std::nullopt;
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

// A thousandth of what is large is exact enough, and nothing overflows.
std::int64_t per_mille(std::int64_t part, std::int64_t whole) {
  constexpr std::int64_t kMostExact = std::numeric_limits<std::int64_t>::max() / 1000;
  if (whole <= 0) return 1000;
  return part <= kMostExact ? part * 1000 / whole : part / std::max<std::int64_t>(whole / 1000, 1);
}

// How much of what is needed is missing, of what is missing most.
std::int64_t shortage(const Resources& need, const Resources& free) {
  return std::max({std::int64_t{0}, per_mille(need.memory.value - free.memory.value, need.memory.value),
                   per_mille(need.cpu.value - free.cpu.value, need.cpu.value)});
}

bool is_fixed(const Publication& publication) {
  return publication.host_port.has_value();
}

bool makes_way(Bucket bucket) {
  switch (bucket) {
    case Bucket::kOutdated:
    case Bucket::kDisplaced:
    case Bucket::kEvicted:
    case Bucket::kLost:
      return true;
    case Bucket::kMissing:
    case Bucket::kUnplaced:
    case Bucket::kCurrent:
    case Bucket::kSurplus:
    case Bucket::kStopping:
    case Bucket::kGone:
      return false;
  }
  UNIK_CHECK(false, "a bucket outside the enumeration");
}

}  // namespace

std::set<InstanceId> making_way(const std::vector<Joined>& instances, const std::vector<InstanceId>& to_place) {
  std::set<InstanceId> leaving;
  for (const Joined& one : instances)
    if (makes_way(one.bucket)) leaving.insert(one.id);
  if (leaving.empty()) return leaving;
  std::set<std::uint32_t> filled;
  for (const InstanceId& id : to_place) filled.insert(id.slot);
  for (const Joined& one : instances)
    if (one.bucket == Bucket::kCurrent) filled.insert(one.id.slot);
  std::erase_if(leaving, [&](const InstanceId& id) { return !filled.contains(id.slot); });
  return leaving;
}

bool Placer::runs(const InstanceId& id, const BootSpec& boot) const {
  const Shared<BootSpec>* const own = world_.templates.find({id.app_name(), id.rollout});
  return own != nullptr && **own == boot;
}

Placer::Placer(const World& world, const App& app, const BootSpec& boot, Time now, const std::set<InstanceId>& leaving)
    : world_(world), app_(app), boot_(boot), now_(now) {
  for_each_instance(world, app.name(), [&](const InstanceId& id, const InstanceRow& row) {
    if (cannot_be_started(*row.status)) (runs(id, boot) ? failing_ : doubtful_).insert(row.node);
    if (row.goal != InstanceGoal::kRun || row.node.empty() || leaving.contains(id)) return;
    ++of_app_[row.node];
    const NodeRow& node = *world.nodes.find(row.node);
    for (std::size_t i = 0; i < app.spec.placement.spread.size(); ++i) ++*domain(i, node);
  });
  if (const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant))) {
    tenant_selector_ = &tenant->tenant->spec.node_selector;
    bin_pack_ = tenant->tenant->spec.placement == PlacementStrategy::kBinPack;
  }
  has_fixed_ports_ = std::ranges::any_of(app.spec.run.publications, is_fixed);
  find_image();
  // Who packs begins with the same nodes for every app.
  if (!world.nodes.empty() && !bin_pack_)
    from_ = stable_hash(app.metadata.name, stable_hash(app.metadata.tenant)) % world.nodes.size();
  enough_ = std::clamp(std::size_t{2} * app.spec.replicas, kLeastCandidates, kSmallFleet);
  // A fleet that is looked at as a whole is looked at in order.
  if (world.nodes.size() <= kSmallFleet) from_ = 0, enough_ = kSmallFleet;
}

std::uint32_t* Placer::domain(std::size_t spread, const NodeRow& node) {
  return &domains_[{spread, label_of(node, app_.spec.placement.spread[spread].by).value_or("")}];
}

void Placer::find_image() {
  const std::uint64_t image = stable_hash(boot_.image);
  std::size_t left = kImageHolders;
  for (auto used = world_.by_image.lower_bound({image, {}});
       left > 0 && used != world_.by_image.end() && used->first.image == image; ++used) {
    const auto& [app, rollout] = used->first.key;
    for (auto it = world_.instances.lower_bound({app.tenant, app.app, 0, 0, 0});
         left > 0 && it != world_.instances.end() && it->first.app_name() == app; ++it, --left) {
      const auto& [id, row] = *it;
      if (id.rollout == rollout && !row.node.empty() && !cannot_be_started(*row.status))
        with_image_.push_back(row.node);
    }
  }
  std::sort(with_image_.begin(), with_image_.end());
}

// The first rule that keeps instances off a node; `kRoom` when none of the others does.
Placer::Rule Placer::rule_against(Symbol name, const NodeRow& node) const {
  if (!node.info) return Rule::kRegistered;
  if (node.health != NodeHealth::kReady) return Rule::kReady;
  if (!node.node->spec.schedulable) return Rule::kSchedulable;
  if (node.node->spec.drain.enabled) return Rule::kNotDrained;
  if (failing_.contains(name)) return Rule::kCouldStart;
  if (untolerated(app_, node) != nullptr) return Rule::kTainted;
  if (is_held_down(world_, name, now_)) return Rule::kTrusted;
  if (unmet_pair(app_.spec.placement.node_selector, node) != nullptr) return Rule::kAppSelector;
  if (tenant_selector_ != nullptr && unmet_pair(*tenant_selector_, node) != nullptr) return Rule::kTenantSelector;
  return Rule::kRoom;
}

std::string Placer::describe(Rule rule, Symbol name, const NodeRow& node) const {
  switch (rule) {
    case Rule::kRegistered:
      return "no agent has registered";
    case Rule::kReady:
      return "it is " + std::string(to_string(node.health));
    case Rule::kSchedulable:
      return "it is cordoned";
    case Rule::kNotDrained:
      return "it is being drained";
    case Rule::kCouldStart:
      return "it could not start an instance of this app";
    case Rule::kTainted: {
      const Taint& taint = *untolerated(app_, node);
      return "taint " + taint.key + "=" + taint.value + " is not tolerated";
    }
    case Rule::kTrusted: {
      const NodeClock& clock = *world_.clocks.nodes.find(name);
      const auto left = std::chrono::ceil<std::chrono::seconds>(clock.held_until - now_);
      return "it came back " + std::to_string(clock.returns) + " times, and is trusted again in " +
             format_duration(left);
    }
    case Rule::kAppSelector:
      return describe_unmet(*unmet_pair(app_.spec.placement.node_selector, node), node);
    case Rule::kTenantSelector:
      return describe_unmet(*unmet_pair(*tenant_selector_, node), node);
    case Rule::kRoom:
      return describe_shortage(footprint(boot_, node), free_on(name, node));
  }
  UNIK_CHECK(false, "a rule outside the enumeration");
}

Resources Placer::free_on(Symbol name, const NodeRow& node) const {
  Resources free = allocatable(node);
  free -= world_.loads.find(name)->assigned;
  return free;
}

// Whether the node said last that it cannot listen on one of the app's host ports, or that it does so for another app.
bool Placer::finds_port_taken(Symbol name) const {
  const Observed* const observed = has_fixed_ports_ ? world_.observed.find(name) : nullptr;
  if (observed == nullptr) return false;
  const AppName app = app_.name();
  return std::ranges::any_of(observed->report->body->publications, [&](const ObservedPublication& seen) {
    return std::ranges::any_of(app_.spec.run.publications, [&](const Publication& wanted) {
      if (!is_fixed(wanted)) return false;
      return seen.app == app ? seen.port_name == wanted.port_name && !seen.problem.empty()
                             : seen.problem.empty() && seen.host_port == *wanted.host_port;
    });
  });
}

// Looks at further nodes until there are enough candidates, or every node has been looked at.
void Placer::look_further() {
  if (looked_at_ == world_.nodes.size()) return;
  std::size_t found = 0;
  // Only all of them show which of a label's values is the emptiest.
  const bool spreads = !app_.spec.placement.spread.empty();
  auto it = world_.nodes.nth((from_ + looked_at_) % world_.nodes.size());
  for (; looked_at_ < world_.nodes.size() && (found < enough_ || spreads); ++looked_at_, ++it) {
    if (it == world_.nodes.end()) it = world_.nodes.begin();
    const auto& [name, row] = *it;
    if (rule_against(name, row) != Rule::kRoom) continue;
    Candidate candidate;
    candidate.node = name;
    candidate.total = allocatable(row);
    candidate.free = free_on(name, row);
    candidate.need = footprint(boot_, row);
    if (!fits(candidate.need, candidate.free)) continue;
    candidate.is_last_resort = doubtful_.contains(name) || finds_port_taken(name);
    candidate.has_image = std::binary_search(with_image_.begin(), with_image_.end(), name);
    const auto count = of_app_.find(name);
    if (count != of_app_.end()) candidate.of_app = count->second;
    for (std::size_t i = 0; i < app_.spec.placement.spread.size(); ++i) candidate.domains[i] = domain(i, row);
    candidate.score = score(candidate);
    candidates_.push_back(std::move(candidate));
    std::push_heap(candidates_.begin(), candidates_.end(), worse);
    ++found;
  }
}

Placer::Score Placer::score(const Candidate& one) const {
  Score score;
  score.is_last_resort = one.is_last_resort;
  score.lacks_image = !one.has_image;
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

std::variant<Symbol, NoPlace> Placer::next(std::uint32_t slot) {
  if (none_) return *none_;
  if (!lets_in(world_, app_.name(), slot, boot_)) {
    NoPlace none;
    none.reason = kQuotaExceeded;
    none.message = "the tenant's quota has no room for it: what runs, and what is still to be gone, fills it";
    return none;
  }
  if (candidates_.empty()) look_further();
  Candidate* found = best();
  while ((found == nullptr || found->is_last_resort) && looked_at_ < world_.nodes.size()) {
    if (found != nullptr) std::push_heap(candidates_.begin(), candidates_.end(), worse);
    look_further();
    found = best();
  }
  if (found == nullptr) return none_.emplace(no_place());
  found->free -= found->need;
  ++found->of_app;
  found->has_image = true;
  for (std::size_t i = 0; i < app_.spec.placement.spread.size(); ++i) ++*found->domains[i];
  const Symbol node = found->node;
  found->score = score(*found);
  std::push_heap(candidates_.begin(), candidates_.end(), worse);
  return node;
}

// The nodes that come nearest to taking an instance: those that the most rules let pass, then those where least is
// missing.
std::vector<Placer::Miss> Placer::nearest(std::size_t count) const {
  std::vector<Miss> misses;
  misses.reserve(world_.nodes.size());
  for (const auto& [name, row] : world_.nodes) {
    Miss miss{rule_against(name, row), 0, name};
    if (miss.rule == Rule::kRoom) miss.shortage = shortage(footprint(boot_, row), free_on(name, row));
    misses.push_back(miss);
  }
  const auto is_nearer = [](const Miss& a, const Miss& b) {
    return std::tie(b.rule, a.shortage, a.node) < std::tie(a.rule, b.shortage, b.node);
  };
  const std::size_t kept = std::min(count, misses.size());
  std::partial_sort(misses.begin(), misses.begin() + static_cast<std::ptrdiff_t>(kept), misses.end(), is_nearer);
  misses.resize(kept);
  return misses;
}

std::vector<Exclusion> Placer::exclusions() const {
  std::vector<Exclusion> exclusions;
  for (const Miss& miss : nearest(world_.nodes.size()))
    exclusions.push_back({miss.node, describe(miss.rule, miss.node, *world_.nodes.find(miss.node))});
  return exclusions;
}

NoPlace Placer::no_place() const {
  NoPlace none;
  none.message = world_.nodes.empty() ? "no node is declared and no agent has registered"
                                      : "0 of " + std::to_string(world_.nodes.size()) + " nodes fit";
  std::string_view separator = ": ";
  for (const Miss& miss : nearest(kMissesNamed)) {
    none.message +=
        std::string(separator) + miss.node.str() + ": " + describe(miss.rule, miss.node, *world_.nodes.find(miss.node));
    separator = "; ";
  }
  return none;
}

}  // namespace unik::controller
