// What a planner returns: the changes to commit, when to look again, and why.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/core/trace.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

// One sentence about one object: `app default/web`, `no node fits: n1: memory is 256Mi short`.
struct Reason {
  std::string object;
  std::string text;
  std::string trace_id = {};  // of the request that it goes back to; empty: of the record

  bool operator==(const Reason&) const = default;
};

struct Plan {
  std::vector<Change> changes;
  std::optional<Time> wake_at;
  std::vector<Reason> reasons;

  bool operator==(const Plan&) const = default;
};

// What a Reason is about.
inline std::string object_of(Symbol node) {
  return "node " + node.str();
}
inline std::string object_of(const AppName& name) {
  return "app " + to_string(name);
}
inline std::string object_of(const InstanceId& id) {
  return "instance " + id.tenant.str() + "/" + short_name(id);
}

// A plan under construction: a copy of the World that already holds the changes made so far, so that each policy sees
// what the ones before it decided. `world().revision` is that of the record which the plan will be part of.
class Draft {
 public:
  Draft(World world, Now now) : world_(std::move(world)), now_(now) {}

  const World& world() const { return world_; }
  // No change is needed to move a clock: they are this controller's own.
  Clocks& clocks() { return world_.clocks; }
  Now now() const { return now_; }
  // What the changes so far have touched; a policy may add to it or take from it.
  Dirty& touched() { return touched_; }
  const Plan& plan() const { return plan_; }
  Plan take_plan() && { return std::move(plan_); }

  // What is changed from here on is asked for by this request; empty: it follows from what was asked for before.
  void ask_as(std::string trace_id) { trace_id_ = std::move(trace_id); }

  void change(Change change) {
    if (auto* const put = std::get_if<PutApp>(&change); put != nullptr && !trace_id_.empty())
      put->row.trace_id = trace_id_;
    apply(world_, change, &touched_);
    plan_.changes.push_back(std::move(change));
  }
  void because(std::string object, std::string text, std::string trace_id = {}) {
    plan_.reasons.push_back({std::move(object), std::move(text), std::move(trace_id)});
  }
  void because(const AppName& app, std::string text) {
    because(object_of(app), std::move(text), trace_of(world_, app));
  }
  void because(const InstanceId& id, std::string text) {
    because(object_of(id), std::move(text), trace_of(world_, id.app_name()));
  }
  void wake_at(Time time) {
    if (!plan_.wake_at || time < *plan_.wake_at) plan_.wake_at = time;
  }

 private:
  World world_;
  Now now_;
  Dirty touched_;
  std::string trace_id_;
  Plan plan_;
};

}  // namespace unik::controller
