// One node: the real agent loop over a host in memory. What would survive a crash of the agent is kept apart from it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/loop.hpp"
#include "tests/sim/random.hpp"
#include "tests/sim/timeline.hpp"

namespace unik::sim {

// What the node's messages go through; given by the simulation.
class Uplink {
 public:
  virtual ~Uplink() = default;
  virtual void send_register(int node, RegisterRequest request, std::uint64_t life) = 0;
  virtual void send_heartbeat(int node, Report report, std::uint64_t life) = 0;
  // Told of each VM that is started; nobody needs to listen.
  virtual void launched(int /*node*/, const InstanceId& /*id*/, const BootSpec& /*boot*/) {}
};

struct SimulatedVm {
  std::uint32_t run = 0;
  bool running = true;
  bool started = false;
  bool started_before = false;  // an earlier run of it did
  std::string address;
  WallTime started_at{};
  std::optional<Exit> exit;
  std::uint64_t process = 0;
  bool strict = false;
  bool job = false;     // it ends by itself
  bool broken = false;  // and this one badly, soon after its start
  bool asked_to_end = false;
  Duration ends_in{};  // after it was asked to; one that does not listen is killed before
};

class SimulatedNode {
 public:
  // `index` is the node's own, in the simulation and as its agent's identity; another one may have the same name.
  SimulatedNode(int index, std::string name, Timeline& timeline, Random& random, Uplink& uplink);

  const std::string& name() const { return name_; }
  std::string agent_id() const { return std::to_string(index_); }
  void start();
  // The agent dies; VMs, record and images stay.
  void crash();
  bool is_up() const { return loop_ != nullptr; }
  std::uint64_t life() const { return life_; }
  void deliver(agent::Event event);

  // Puts back an older copy of the record, as a disk that lies does.
  void roll_record_back();
  void set_disk_failing(bool failing) { disk_failing_ = failing; }
  // Asked before and after each effect is carried out: true kills the agent at that very point.
  std::function<bool()> dies_here;
  // The host sleeps: its VMs do nothing, its clock goes on, and what was due in between comes at once when it wakes.
  void suspend(Duration length) { suspended_until_ = std::max(suspended_until_, timeline_.now().boot + length); }
  void wake();
  bool is_suspended() const { return timeline_.now().boot < suspended_until_; }
  // The host is switched off for good: its VMs are gone, and nothing starts there again.
  void switch_off();
  // A planted bug: nobody ends a VM whose lease has run out but the agent.
  void take_guards_away() { guarded_ = false; }
  // What was started so far goes on; from now on VMs with `ROTS` in their environment end soon after their start.
  void rot() { rotten_ = true; }
  // A VM dies on its own.
  void kill_some_vm();

  const std::map<InstanceId, SimulatedVm>& vms() const { return vms_; }
  std::uint64_t boots() const { return boots_; }
  std::uint64_t refused() const { return refused_; }
  bool rolled_back() const { return rolled_back_; }
  const agent::NodeRecord& record() const { return record_; }
  std::vector<std::string>& broken() { return broken_; }

 private:
  void turn();
  void turn_soon();
  bool died();
  void answer(Duration delay, agent::Event event);
  void end_vm(const InstanceId& id, std::uint64_t process, Exit exit);
  void guard(const InstanceId& id, std::uint64_t process);

  void perform(const agent::SaveRecord& effect);
  void perform(const agent::SendRegister& effect);
  void perform(const agent::SendHeartbeat& effect);
  void perform(const agent::PushLog&) {}
  void perform(const agent::FetchImage& effect);
  void perform(const agent::KeepLease& effect);
  void perform(const agent::LaunchVm& effect);
  void perform(const agent::StopVm& effect);
  void perform(const agent::ForgetVm& effect);
  void perform(const agent::ProbeHealth& effect);
  void perform(const agent::Publish& effect);

  const int index_;
  const std::string name_;
  Timeline& timeline_;
  Random& random_;
  Uplink& uplink_;

  std::unique_ptr<agent::Loop> loop_;
  std::uint64_t life_ = 0;
  std::vector<agent::Event> inbox_;
  bool turn_planned_ = false;
  std::optional<Time> wake_at_;

  agent::NodeRecord record_;
  std::vector<agent::NodeRecord> older_records_;
  bool rolled_back_ = false;
  bool disk_failing_ = false;
  bool guarded_ = true;
  bool off_ = false;
  bool rotten_ = false;
  Time suspended_until_{};
  Time leased_from_{};  // what a guard reads
  std::map<InstanceId, SimulatedVm> vms_;
  std::set<std::string> images_;
  std::uint64_t processes_ = 0;
  std::uint64_t boots_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<std::string> broken_;
};

}  // namespace unik::sim
