#include "controller/core/why_there.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "controller/core/place.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

// Of a larger fleet the Placer looks at a part, and nobody would read all of it.
constexpr std::size_t kMostNodesTold = 500;
constexpr std::size_t kMostRulesTold = 3;

std::string comparison(const World& world, const App& app) {
  const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant));
  const bool bin_pack = tenant != nullptr && tenant->tenant->spec.placement == PlacementStrategy::kBinPack;
  std::string by;
  for (const Spread& spread : app.spec.placement.spread) by += "fewest of the app in its " + spread.by + ", ";
  return by + (bin_pack ? "the fullest" : "fewest of the app on it, the emptiest");
}

// What the Placer says of each node when nothing could hold an instance: of those that no rule keeps out, the shortage.
std::vector<Exclusion> exclusions(const World& world, const App& app, BootSpec boot, Time now, Bytes more_than_any) {
  boot.resources.memory = more_than_any;
  std::vector<Exclusion> all = Placer(world, app, boot, now).exclusions();
  std::ranges::sort(all, {}, &Exclusion::node);
  return all;
}

bool has_space(const Resources& need, const Resources& free) {
  return need.cpu <= free.cpu && need.memory <= free.memory;
}

// `; not 2 nodes: it is cordoned; not 1 node: too little room`, by the rules that keep the most out.
std::string told(const std::map<std::string, std::size_t>& kept_out, std::size_t without_room) {
  std::vector<std::pair<std::string, std::size_t>> rules(kept_out.begin(), kept_out.end());
  if (without_room > 0) rules.emplace_back("too little room", without_room);
  std::ranges::stable_sort(rules, std::ranges::greater(), &std::pair<std::string, std::size_t>::second);
  std::string text;
  std::size_t untold = 0;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (i < kMostRulesTold)
      text += "; not " + counted(rules[i].second, "node") + ": " + rules[i].first;
    else
      untold += rules[i].second;
  }
  return untold == 0 ? text : text + "; nor " + std::to_string(untold) + " more";
}

}  // namespace

WhyThere::WhyThere(const World& world, const App& app, const BootSpec& boot, Time now)
    : by_(comparison(world, app)), compared_(world.nodes.size() <= kMostNodesTold) {
  if (!compared_) return;
  // A shortage differs with what is short, a rule does not.
  const std::vector<Exclusion> once = exclusions(world, app, boot, now, Bytes{std::int64_t{1} << 60});
  const std::vector<Exclusion> again = exclusions(world, app, boot, now, Bytes{std::int64_t{1} << 59});
  for (std::size_t i = 0; i < std::min(once.size(), again.size()); ++i) {
    if (once[i] == again[i]) {
      ++kept_out_[once[i].rule];
      continue;
    }
    const Symbol name = once[i].node;
    const NodeRow& row = *world.nodes.find(name);
    Room room{footprint(boot, row), allocatable(row)};
    room.free -= world.loads.find(name)->assigned;
    eligible_.emplace(name, room);
  }
}

std::string WhyThere::next(Symbol node) {
  if (!compared_) return "the best of those that were looked at: " + by_;
  const auto fits = [](const auto& one) { return has_space(one.second.need, one.second.free); };
  const auto fitting = static_cast<std::size_t>(std::ranges::count_if(eligible_, fits));
  std::string why = fitting > 1 ? "the best of " + std::to_string(fitting) + " nodes that fit: " + by_
                                : std::string("the only node that fits");
  why += told(kept_out_, eligible_.size() - fitting);
  if (const auto taken = eligible_.find(node); taken != eligible_.end()) taken->second.free -= taken->second.need;
  return why;
}

}  // namespace unik::controller
