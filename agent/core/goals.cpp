#include "agent/core/goals.hpp"

#include <array>
#include <map>
#include <utility>
#include <variant>

#include "agent/core/restart.hpp"
#include "api/check.hpp"

namespace unik::agent {
namespace {

constexpr std::array<std::string_view, 4> kVerdicts = {"taken", "known already", "refused as stale",
                                                       "refused: another cluster's"};

struct IdOf {
  const InstanceId* operator()(const EnsureRunning& goal) const { return &goal.id; }
  const InstanceId* operator()(const EnsureAbsent& goal) const { return &goal.id; }
  const InstanceId* operator()(const EnsureImage&) const { return nullptr; }
};

std::map<InstanceId, const Action*> instances_in(const Goals& goals) {
  std::map<InstanceId, const Action*> instances;
  for (const Action& action : goals.actions)
    if (const InstanceId* const id = std::visit(IdOf{}, action)) instances.emplace(*id, &action);
  return instances;
}

std::map<InstanceId, const EnsureRunning*> running_in(const Goals& goals) {
  std::map<InstanceId, const EnsureRunning*> running;
  for (const Action& action : goals.actions)
    if (const auto* goal = std::get_if<EnsureRunning>(&action)) running.emplace(goal->id, goal);
  return running;
}

bool want_running(Instance& instance, const EnsureRunning& goal, Time now) {
  const bool was_refused = !std::exchange(instance.goal_problem, {}).empty();
  if (instance.want == Want::kRunning && instance.goal == goal) return was_refused;
  const bool was_wanted = instance.want == Want::kRunning;
  // Another pace is taken up as it goes; another question begins anew.
  const bool other_check = target_of(instance.goal.run.health) != target_of(goal.run.health);
  // Nobody answers any more what was asked for under other keys.
  if (wanted_image(instance.goal) != wanted_image(goal)) instance.awaits_image = false;
  instance.want = Want::kRunning;
  instance.goal = goal;
  instance.forgotten = false;
  if (instance.vm.state == VmState::kRunning && other_check) instance.health = assume_health(goal.run.health, now);
  if (was_wanted) return true;
  instance.vm.decided = now;
  instance.awaits_image = false;
  const bool ended_unwanted = instance.vm.remains && instance.vm.state == VmState::kNone && !is_end_taken_up(instance);
  if (ended_unwanted) end_run(instance, RunEnd{instance.record.last_exit, std::nullopt}, now);
  return true;
}

bool want_absent(Instance& instance, const EnsureAbsent& goal) {
  if (instance.want == Want::kAbsent && instance.stop_timeout == goal.stop_timeout) return false;
  instance.want = Want::kAbsent;
  instance.stop_timeout = goal.stop_timeout;
  return true;
}

bool want_nothing(Instance& instance) {
  if (instance.want == Want::kNothing) return false;
  instance.want = Want::kNothing;
  return true;
}

}  // namespace

std::string_view to_string(GoalsVerdict verdict) {
  const auto index = static_cast<std::size_t>(verdict);
  UNIK_CHECK(index < kVerdicts.size(), "a verdict outside its enumeration");
  return kVerdicts[index];
}

GoalsVerdict judge(const Stamp& held, const Stamp& offered) {
  if (held == offered) return GoalsVerdict::kKnown;
  if (held.cluster_id.empty()) return GoalsVerdict::kTake;
  if (held.cluster_id != offered.cluster_id) return GoalsVerdict::kForeign;
  return covers(offered, held) ? GoalsVerdict::kTake : GoalsVerdict::kStale;
}

std::set<std::string> traces_between(const Goals& held, const Goals& offered) {
  std::set<std::string> traces;
  const std::map<InstanceId, const Action*> before = instances_in(held);
  const std::map<InstanceId, const Action*> after = instances_in(offered);
  const auto add = [&](const Goals& goals, const InstanceId& id) {
    if (const auto trace = goals.traces.find(id); trace != goals.traces.end()) traces.insert(trace->second);
  };
  for (const auto& [id, action] : after)
    if (const auto was = before.find(id); was == before.end() || *was->second != *action) add(offered, id);
  for (const auto& [id, action] : before)
    if (!after.contains(id)) add(held, id);
  return traces;
}

std::vector<InstanceId> keep_boots(const Goals& held, Goals& offered) {
  std::vector<InstanceId> kept;
  const std::map<InstanceId, const EnsureRunning*> before = running_in(held);
  for (Action& action : offered.actions) {
    auto* goal = std::get_if<EnsureRunning>(&action);
    if (goal == nullptr) continue;
    const auto found = before.find(goal->id);
    if (found == before.end() || found->second->boot == goal->boot) continue;
    goal->boot = found->second->boot;
    kept.push_back(goal->id);
  }
  return kept;
}

std::set<InstanceId> apply_goals(const Goals& goals, Instances& instances, Time now) {
  std::map<InstanceId, const EnsureAbsent*> absent;
  for (const Action& action : goals.actions)
    if (const auto* goal = std::get_if<EnsureAbsent>(&action)) absent.emplace(goal->id, goal);
  std::map<InstanceId, const EnsureRunning*> running = running_in(goals);
  for (const auto& [id, goal] : absent) running.erase(id);  // named as both: absent is the one that does no harm
  for (const auto& [id, goal] : absent) instances.try_emplace(id).first->second.id = id;
  for (const auto& [id, goal] : running) instances.try_emplace(id).first->second.id = id;

  std::set<InstanceId> changed;
  for (auto& [id, instance] : instances) {
    if (const auto trace = goals.traces.find(id); trace != goals.traces.end()) instance.trace_id = trace->second;
    const auto runs = running.find(id);
    const auto leaves = absent.find(id);
    const bool moved = runs != running.end()    ? want_running(instance, *runs->second, now)
                       : leaves != absent.end() ? want_absent(instance, *leaves->second)
                                                : want_nothing(instance);
    if (!moved) continue;
    changed.insert(id);
    if (instance.want == Want::kRunning) retire(instance, now);
  }
  return changed;
}

WantedImage wanted_image(const EnsureRunning& goal) {
  return {goal.boot.image, goal.trusted_keys};
}

std::set<WantedImage> images_of(const Goals& goals) {
  std::set<WantedImage> images;
  for (const Action& action : goals.actions) {
    if (const auto* image = std::get_if<EnsureImage>(&action)) images.insert(WantedImage{image->image, {}});
    if (const auto* goal = std::get_if<EnsureRunning>(&action)) images.insert(wanted_image(*goal));
  }
  return images;
}

std::set<std::string> unsigned_images(const Goals& goals) {
  std::set<std::string> names;
  for (const WantedImage& wanted : images_of(goals))
    if (wanted.trusted_keys.empty()) names.insert(wanted.image);
  return names;
}

std::set<std::string> image_names(const Goals& goals) {
  std::set<std::string> names;
  for (const WantedImage& wanted : images_of(goals)) names.insert(wanted.image);
  return names;
}

}  // namespace unik::agent
