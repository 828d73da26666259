#include "controller/core/place_search.hpp"

#include <variant>

#include "controller/core/diff.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {

bool waits_for_place(const InstanceRow& row) {
  return row.goal == InstanceGoal::kRun && row.node.empty();
}

bool is_replacement(const World& world, const InstanceId& id) {
  return held_share(world, id.app_name(), id.slot).instances > 0;
}

PlaceSearch::PlaceSearch(const World& world, std::size_t max_nodes)
    : world_(world), is_on_(world.nodes.size() <= max_nodes) {}

InstanceStatus PlaceSearch::status(const InstanceId& id, const InstanceRow& row) {
  InstanceStatus status = *row.status;
  const AppRow* const app = world_.apps.find(id.app_name());
  if (!is_on_ || !waits_for_place(row) || app == nullptr || is_frozen(*app)) return status;
  const Key key{id.app_name(), id.rollout, is_replacement(world_, id)};
  const auto [known, is_new] = known_.try_emplace(key);
  const Shared<BootSpec>* const boot = world_.templates.find({id.app_name(), id.rollout});
  if (is_new && boot != nullptr) known->second = Placer(world_, *app->app, **boot, world_.as_of).next(id.slot);
  if (const NoPlace* const none = std::get_if<NoPlace>(&known->second)) {
    status.reason = none->reason;
    status.message = none->message;
  } else if (const Symbol node = std::get<Symbol>(known->second); !node.empty()) {
    status.message = node.str() + " has room for it now";
  }
  return status;
}

std::string describe_instance(const InstanceId& id, const InstanceRow& row, PlaceSearch& search) {
  const InstanceStatus status = search.status(id, row);
  std::string text = short_name(id) + " is " + std::string(to_string(status.phase));
  if (!row.node.empty()) text += " on " + row.node.str();
  const bool starting = status.health == Health::kStarting;
  if (!status.reason.empty() || starting)
    text += ", " + (status.reason.empty() ? std::string(to_string(Health::kStarting)) : status.reason);
  if (!status.message.empty()) text += ": " + status.message;
  return text + restarts_of(status);
}

}  // namespace unik::controller
