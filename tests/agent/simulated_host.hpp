// A node and its controller in memory, under a clock that only the test moves: it carries out the agent's effects,
// keeps what would survive a crash of the agent, and checks at every effect what must hold at all times.
//
// Time passes in `run_for`. What the world does on its own (VMs boot and end, answers travel) is queued by time; a
// crash drops the loop and every answer on its way to it, and nothing else.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/loop.hpp"

namespace unik::agent {

inline InstanceId instance_id(const std::string& app, std::uint32_t slot = 0, std::uint64_t rollout = 1) {
  return {Symbol("default"), Symbol(app), slot, rollout, 1};
}

struct SimulatedVm {
  std::uint32_t run = 0;
  bool running = true;
  bool started = false;
  std::string address;
  WallTime started_at{};
  std::optional<Exit> exit;
  std::uint64_t process = 0;  // tells two VMs of one id apart
  bool strict = false;
  Duration start{};
  Duration first_byte{};
};

class SimulatedHost {
 public:
  // ---- The agent's life
  void start();
  void crash();
  bool is_up() const { return loop_ != nullptr; }
  // Crashes right after the `n`th effect from now on (1: the next one).
  void crash_after_effects(std::uint64_t n) { crash_at_effect_ = effects_ + n; }
  void crash_no_more() { crash_at_effect_.reset(); }
  // Then, once, so many effects after the first crash.
  void crash_again_after_effects(std::uint64_t n) { crash_again_after_ = n; }
  void shut_down();

  // ---- Time
  void run_for(Duration duration);
  Time now() const { return now_; }

  // ---- The controller: goals, as a whole, under the next revision
  void want(std::vector<Action> actions);
  void want_stamped(Stamp stamp, std::vector<Action> actions);  // sent once, whatever the node has
  const Report& last_report() const { return last_report_; }
  const ReportBody& reported() const { return body_; }
  std::optional<InstanceStatus> status(const InstanceId& id) const;
  const Stamp& wanted_stamp() const { return goals_.stamp; }
  void inject(Event event) { inbox_.push_back(std::move(event)); }
  void tell_published();  // again, as the forwarder does when who is leaving has changed
  void ask_log(const std::string& stream_id, const InstanceId& id) { logs_.push_back({stream_id, id, {}}); }
  void ask_register() { want_register_ = true; }
  void ask_body() { want_body_ = true; }

  // ---- The world's doing
  void end_vm(const InstanceId& id, Exit exit);
  bool is_running(const InstanceId& id) const;
  std::size_t count_running() const;
  std::set<std::string> backends_of(const InstanceId& id) const;  // ports that reach it
  void lose_vm(const InstanceId& id);                             // as by a reboot of the host

  // ---- What survives
  NodeRecord record;
  std::map<InstanceId, SimulatedVm> vms;
  std::set<std::string> images;
  std::vector<Route> table;

  // ---- How the world behaves
  Duration boot_time = std::chrono::milliseconds(100);
  Duration silence = std::chrono::milliseconds(20);  // between the start of an app and its first byte
  Duration fetch_time = std::chrono::milliseconds(200);
  std::optional<Duration> exits_after;  // every app ends by itself so long after its start
  Exit exits_with{ExitKind::kExited, 0};
  std::set<InstanceId> unhealthy;
  std::set<InstanceId> unanswered;  // their probes get no answer
  bool heeds_ask = true;
  bool heeds_quit = true;
  bool heeds_kill = true;
  bool boots = true;
  bool record_fails = false;
  bool link_down = false;
  bool renews_nothing = false;  // the controller answers, and no lease is renewed by it
  bool forwarder_dead = false;
  std::set<InstanceId> in_flight;  // clients wait for their answer
  std::set<std::uint16_t> taken_ports;
  std::map<std::string, Error> image_errors;
  std::string signing_key;  // by which every image is signed
  std::optional<Error> launch_error;

  // ---- What was seen
  std::uint64_t effects() const { return effects_; }
  std::vector<std::string> trace;  // every effect, with its time
  std::vector<std::string> notes;
  std::map<InstanceId, std::uint32_t> launches;
  std::vector<Time> heartbeats;
  std::uint64_t bodies = 0;
  std::uint64_t registers = 0;
  std::uint64_t saves = 0;
  std::uint64_t fetches = 0;
  std::vector<std::string> pushed;
  std::vector<std::pair<Time, StopStep>> stops;
  std::vector<Time> probes;
  std::vector<Time> register_times;
  std::optional<Error> refusal;  // of whoever registers
  std::size_t most_outstanding = 0;
  std::vector<std::string> broken;  // invariants that did not hold; a test expects none
  const Loop& loop() const { return *loop_; }

 private:
  void at(Duration delay, std::function<void()> what) { world_.emplace(now_ + delay, std::move(what)); }
  void answer(Duration delay, Event event);
  void turn();
  bool carry_out(const Effect& effect);  // false: the agent crashed
  void expect(bool holds, const std::string& what);

  void perform(const SaveRecord& effect);
  void perform(const SendRegister& effect);
  void perform(const SendHeartbeat& effect);
  void perform(const PushLog& effect) { pushed.push_back(effect.request.stream_id); }
  void perform(const FetchImage& effect);
  void perform(const KeepLease& effect);
  void perform(const LaunchVm& effect);
  void perform(const StopVm& effect);
  void perform(const ForgetVm& effect);
  void perform(const ProbeHealth& effect);
  void perform(const Publish& effect);

  void guard(const InstanceId& id, std::uint64_t process);
  void speak(const InstanceId& id, std::uint64_t process);
  void end_process(const InstanceId& id, std::uint64_t process, Exit exit);
  void release_parked();
  void reply(std::uint64_t seq);
  Now clock() const { return {now_, WallTime(std::chrono::hours(24 * 365 * 50)) + now_.time_since_epoch()}; }

  Time now_{std::chrono::hours(1)};
  std::multimap<Time, std::function<void()>> world_;
  std::unique_ptr<Loop> loop_;
  std::uint64_t life_ = 0;  // of the agent
  std::uint64_t wall_start_ = 0;
  std::vector<Event> inbox_;
  std::optional<Time> wake_at_;
  std::uint64_t effects_ = 0;
  std::optional<std::uint64_t> crash_at_effect_;
  std::uint64_t crash_again_after_ = 0;  // 0: not
  Time leased_from_{};                   // what a strict VM's guard reads
  std::uint64_t processes_ = 0;
  Published published_;
  Time table_lost_at_{};  // when a dead forwarder last lost a table

  Goals goals_{{"c1", {}, 0}, {}};
  std::optional<Goals> goals_once_;
  std::set<std::uint64_t> parked_;
  Report last_report_;
  ReportBody body_;
  std::vector<LogRequest> logs_;
  bool want_register_ = false;
  bool want_body_ = false;
};

}  // namespace unik::agent
