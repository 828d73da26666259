// A fleet for the policies' tests: the real core on a World, with nodes that do at once and exactly what their goals
// say. Time moves only when a test moves it. A test says what new instances do (serve, crash, hang), and what nodes do.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/core/admit.hpp"
#include "controller/core/goals.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/core/steer.hpp"

namespace unik::controller {

class SimulatedFleet {
 public:
  // How an instance that has just been placed turns out.
  enum class Fate { kServes, kHangs, kCrashLoops, kCannotStart, kEndsWell };

  explicit SimulatedFleet(int nodes, Resources each = {MilliCpu{4000}, mebibytes(4096)});

  static App app(const std::string& name, std::uint32_t replicas, const std::string& version = "1");

  Result<ApplyReply> apply(std::vector<Resource> resources);
  Result<ApplyReply> steer(const std::string& app, RolloutVerb verb, std::optional<std::uint64_t> to = std::nullopt);
  Result<ApplyReply> drain(const std::string& node, Drain drain = {});
  Result<ApplyReply> uncordon(const std::string& node);

  std::function<Fate(const InstanceId&, const BootSpec&)> fate = [](const InstanceId&, const BootSpec&) {
    return Fate::kServes;
  };
  std::function<Duration(const BootSpec&)> boot_time = [](const BootSpec&) { return std::chrono::milliseconds(200); };
  // Called after every record.
  std::function<void()> on_change = [] {};

  // One round: nodes act on their goals and report, then the core plans. False when nothing moved.
  bool step();
  // Rounds until nothing moves; at most a thousand.
  void settle();
  // Time in which every node that is not silent reports, second by second.
  void pass(Duration time);

  void silence(const std::string& node) { silent_.insert(node); }
  void hear_again(const std::string& node) { silent_.erase(node); }

  const World& world() const { return world_; }
  const AppRow& row(const std::string& app) const { return *world_.apps.find({Symbol("default"), Symbol(app)}); }
  // Short names of those that run and serve, with their nodes: `web-0-r3-1@n1`.
  std::set<std::string> serving(const std::string& app) const;
  std::uint32_t serving_slots(const std::string& app) const;
  std::uint32_t running(const std::string& app) const;  // placed and not asked to stop
  std::set<std::string> on_node(const std::string& node) const;
  std::string version_of(const InstanceId& id) const;
  const std::vector<Reason>& reasons() const { return reasons_; }

 private:
  template <typename Request>
  Result<ApplyReply> admit(const Request& request, Result<ApplyReply> (*how)(Draft&, const Request&));
  bool commit(Draft draft, Dirty dirty);
  void act(Symbol node, ReportBody& body);
  InstanceStatus outcome(const InstanceId& id, const BootSpec& boot);

  World world_;
  Now now_;
  std::optional<Time> wake_at_;
  std::set<std::string> silent_;
  std::map<Symbol, ReportBody> reality_;
  std::vector<Reason> reasons_;
};

}  // namespace unik::controller
