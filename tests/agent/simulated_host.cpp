#include "tests/agent/simulated_host.hpp"

#include <algorithm>
#include <variant>

#include "api/lease.hpp"

namespace unik::agent {
namespace {

constexpr Duration kSoon = std::chrono::milliseconds(1);

std::string name_of(const Effect& effect) {
  struct Namer {
    std::string operator()(const SaveRecord& e) const { return "save " + std::to_string(e.version); }
    std::string operator()(const SendRegister& e) const { return "register " + std::to_string(e.agent_start); }
    std::string operator()(const SendHeartbeat& e) const {
      return "heartbeat " + std::to_string(e.report.seq) + (e.report.body ? " whole " : " ") +
             std::to_string(e.report.digest);
    }
    std::string operator()(const PushLog& e) const { return "push " + e.request.stream_id; }
    std::string operator()(const FetchImage& e) const { return "fetch " + e.wanted.image; }
    std::string operator()(const KeepLease& e) const {
      return "lease " + std::to_string(e.sent.time_since_epoch().count());
    }
    std::string operator()(const LaunchVm& e) const {
      return "launch " + to_string(e.id) + ' ' + std::to_string(e.run) + ' ' + e.address;
    }
    std::string operator()(const StopVm& e) const {
      return "stop " + to_string(e.id) + ' ' + std::to_string(static_cast<int>(e.step));
    }
    std::string operator()(const ForgetVm& e) const { return "forget " + to_string(e.id); }
    std::string operator()(const ProbeHealth& e) const { return "probe " + to_string(e.id); }
    std::string operator()(const Publish& e) const {
      std::string text = "publish " + std::to_string(e.version);
      for (const Route& route : e.routes) {
        text += ' ' + to_string(route.app) + ':' + std::to_string(route.publication.host_port.value_or(0));
        for (const Backend& backend : route.backends) text += '<' + to_string(backend.id);
      }
      return text;
    }
  };
  return std::visit(Namer{}, effect);
}

const EnsureRunning* running_goal(const Goals& goals, const InstanceId& id) {
  for (const Action& action : goals.actions)
    if (const auto* goal = std::get_if<EnsureRunning>(&action); goal != nullptr && goal->id == id) return goal;
  return nullptr;
}

}  // namespace

void SimulatedHost::start() {
  LoopOptions options;
  options.node = "n1";
  options.boot_id = "boot";
  options.wall_start_us = wall_start_;
  loop_ = std::make_unique<Loop>(options);
  ++life_;
  inbox_.clear();
  Inventory inventory;
  inventory.record = record;
  inventory.images.assign(images.begin(), images.end());
  for (const auto& [id, vm] : vms) {
    AdoptedVm adopted;
    adopted.id = id;
    adopted.run = vm.run;
    adopted.running = vm.running;
    adopted.address = vm.address;
    adopted.accelerator = "tcg";
    adopted.started_at = vm.started_at;
    adopted.boot.start = vm.start;
    adopted.boot.first_byte = vm.first_byte;
    adopted.exit = vm.exit;
    inventory.vms.push_back(adopted);
  }
  inbox_.emplace_back(inventory);
  wake_at_ = now_;
}

void SimulatedHost::crash() {
  loop_.reset();
  ++life_;
  inbox_.clear();
  parked_.clear();
  wake_at_.reset();
}

void SimulatedHost::shut_down() {
  inbox_.emplace_back(ShutdownAsked{});
  turn();
  crash();
}

void SimulatedHost::run_for(Duration duration) {
  const Time until = now_ + duration;
  for (;;) {
    if (!inbox_.empty() && loop_) turn();
    std::optional<Time> next = loop_ ? wake_at_ : std::nullopt;
    if (!world_.empty() && (!next || world_.begin()->first < *next)) next = world_.begin()->first;
    if (!next || *next > until) break;
    now_ = std::max(now_, *next);
    while (!world_.empty() && world_.begin()->first <= now_) {
      const std::function<void()> what = std::move(world_.begin()->second);
      world_.erase(world_.begin());
      what();
    }
    if (loop_) turn();
  }
  now_ = until;
}

void SimulatedHost::turn() {
  const std::vector<Event> events = std::exchange(inbox_, {});
  const Effects effects = loop_->turn(clock(), events);
  wake_at_ = effects.wake_at;
  expect(!wake_at_ || *wake_at_ > now_, "a turn asks to be turned again at once");
  expect(loop_->count_unsettled(now_) == 0, "a turn leaves moves undone");
  for (const Note& note : effects.notes) notes.push_back(note.text);
  for (const Effect& effect : effects.list)
    if (!carry_out(effect)) return;
}

bool SimulatedHost::carry_out(const Effect& effect) {
  ++effects_;
  trace.push_back(std::to_string(now_.time_since_epoch().count()) + ' ' + name_of(effect));
  std::visit([this](const auto& known) { perform(known); }, effect);
  if (crash_at_effect_ != effects_) return true;
  crash_at_effect_.reset();
  if (const std::uint64_t again = std::exchange(crash_again_after_, 0); again > 0) crash_after_effects(again);
  crash();
  return false;
}

void SimulatedHost::expect(bool holds, const std::string& what) {
  if (!holds) broken.push_back(std::to_string(now_.time_since_epoch().count()) + ": " + what);
}

void SimulatedHost::answer(Duration delay, Event event) {
  at(delay, [this, life = life_, event = std::move(event)] {
    if (life == life_ && loop_) inbox_.push_back(event);
  });
}

// ---- Effects --------------------------------------------------------------------------------------------------------

void SimulatedHost::perform(const SaveRecord& effect) {
  ++saves;
  if (record_fails) return answer(kSoon, RecordFailed{effect.version, internal("disk_full", "no space left")});
  record = effect.record;
  answer(kSoon, RecordSaved{effect.version});
}

void SimulatedHost::perform(const SendRegister& effect) {
  ++registers;
  register_times.push_back(now_);
  expect(record.agent_start == effect.agent_start, "a start is told before it is stored");
  if (link_down) return answer(kSoon, LinkFailed{0, unavailable("no_route", "no route to host")});
  if (refusal) return answer(kSoon, LinkFailed{0, *refusal});
  answer(kSoon, Registered{{"c1", std::chrono::seconds(10)}});
}

void SimulatedHost::perform(const SendHeartbeat& effect) {
  const Report& report = effect.report;
  heartbeats.push_back(now_);
  expect(report.accepted_stamp.cluster_id.empty() || covers(record.goals.stamp, report.accepted_stamp),
         "a report accepts goals that are not stored");
  if (link_down) return answer(kSoon, LinkFailed{report.seq, unavailable("no_route", "no route to host")});
  const bool unknown_digest = !report.body && report.digest != last_report_.digest;
  last_report_ = report;
  if (report.body) {
    ++bodies;
    body_ = *report.body;
  }
  release_parked();
  parked_.insert(report.seq);
  most_outstanding = std::max(most_outstanding, parked_.size());
  if (unknown_digest) want_body_ = true;
  if (goals_once_ || want_body_ || want_register_ || !logs_.empty() || report.accepted_stamp != goals_.stamp)
    return release_parked();
  // For longer than the agent waits before its next one, which releases it.
  at(std::chrono::seconds(20), [this, life = life_, seq = report.seq] {
    if (life == life_ && parked_.erase(seq) > 0) reply(seq);
  });
}

void SimulatedHost::release_parked() {
  for (const std::uint64_t seq : std::exchange(parked_, {})) reply(seq);
}

void SimulatedHost::reply(std::uint64_t seq) {
  if (link_down) return answer(kSoon, LinkFailed{seq, unavailable("reset", "connection reset")});
  HeartbeatReply reply;
  if (last_report_.accepted_stamp != goals_.stamp) reply.goals = goals_;
  if (goals_once_) reply.goals = std::exchange(goals_once_, std::nullopt);
  reply.logs = std::exchange(logs_, {});
  reply.want_body = std::exchange(want_body_, false);
  reply.want_register = std::exchange(want_register_, false);
  if (!renews_nothing && !reply.goals && !reply.want_body && !reply.want_register) reply.renew = last_report_.seq;
  answer(kSoon, HeartbeatAnswered{seq, reply});
}

void SimulatedHost::perform(const FetchImage& effect) {
  ++fetches;
  const auto error = image_errors.find(effect.wanted.image);
  if (error != image_errors.end()) return answer(fetch_time, ImageFailed{effect.wanted, error->second});
  const auto& keys = effect.wanted.trusted_keys;
  if (!keys.empty() && std::ranges::find(keys, signing_key) == keys.end())
    return answer(fetch_time, ImageFailed{effect.wanted, invalid("unsigned_image", "simulated")});
  at(fetch_time, [this, image = effect.wanted.image] { images.insert(image); });
  answer(fetch_time, ImageReady{effect.wanted, fetch_time, std::chrono::milliseconds(5)});
}

void SimulatedHost::perform(const KeepLease& effect) {
  expect(effect.sent >= leased_from_ && effect.sent <= now_, "a lease goes back, or counts from the future");
  leased_from_ = effect.sent;
}

// The process beside a strict VM, which needs no agent.
void SimulatedHost::guard(const InstanceId& id, std::uint64_t process) {
  const auto found = vms.find(id);
  if (found == vms.end() || found->second.process != process || !found->second.running) return;
  const Time end = leased_from_ + kStrictLease;
  if (now_ >= end) return end_process(id, process, Exit{ExitKind::kCrashed, 0});
  at(end - now_, [this, id, process] { guard(id, process); });
}

void SimulatedHost::perform(const LaunchVm& effect) {
  const EnsureRunning* goal = running_goal(record.goals, effect.id);
  expect(goal != nullptr, "launched without a stored goal: " + to_string(effect.id));
  expect(goal != nullptr && goal->boot == effect.boot, "launched with another boot spec than stored");
  const auto found = vms.find(effect.id);
  expect(found == vms.end() || !found->second.running, "two VMs for " + to_string(effect.id));
  expect(found == vms.end() || effect.run > found->second.run, "a run was launched twice: " + to_string(effect.id));
  const auto kept = record.instances.find(effect.id);
  expect(kept != record.instances.end() && kept->second.restarts == effect.run, "launched before its record was saved");
  expect(images.contains(effect.boot.image), "launched without its image");
  for (const auto& [id, vm] : vms)
    expect(id == effect.id || !vm.running || vm.address != effect.address, "an address is used twice");
  ++launches[effect.id];
  if (launch_error) return answer(kSoon, VmEnded{effect.id, effect.run, std::nullopt, launch_error});

  SimulatedVm vm;
  vm.run = effect.run;
  vm.address = effect.address;
  vm.process = ++processes_;
  vm.strict = effect.boot.singleton == Singleton::kStrict;
  vms[effect.id] = vm;
  if (vm.strict) expect(now_ < leased_from_ + kStrictLease, "a strict singleton is started without a lease");
  if (vm.strict) guard(effect.id, vm.process);
  if (!boots) return;
  at(boot_time, [this, id = effect.id, process = vm.process] {
    const auto booted = vms.find(id);
    if (booted == vms.end() || booted->second.process != process || !booted->second.running) return;
    booted->second.started = true;
    booted->second.started_at = clock().wall;
    booted->second.start = boot_time;
    if (loop_) inbox_.emplace_back(VmStarted{id, booted->second.run, clock().wall, "tcg", boot_time, {}});
    at(silence, [this, id, process] { speak(id, process); });
    if (exits_after) at(*exits_after, [this, id, process, exit = exits_with] { end_process(id, process, exit); });
  });
}

// As the hypervisor tells it: the start again, now with the first byte. Nobody is told, nor times it, without an agent.
void SimulatedHost::speak(const InstanceId& id, std::uint64_t process) {
  const auto found = vms.find(id);
  if (!loop_ || found == vms.end() || found->second.process != process || !found->second.running) return;
  SimulatedVm& vm = found->second;
  vm.first_byte = vm.start + silence;
  inbox_.emplace_back(VmStarted{id, vm.run, vm.started_at, "tcg", vm.start, vm.first_byte});
}

void SimulatedHost::perform(const StopVm& effect) {
  stops.emplace_back(now_, effect.step);
  const auto found = vms.find(effect.id);
  if (found == vms.end() || !found->second.running) return;
  if (effect.step == StopStep::kAsk && now_ - table_lost_at_ > kWithdrawWait)
    expect(backends_of(effect.id).empty(), "asked to stop while in the forwarder's table: " + to_string(effect.id));
  const bool heeded = effect.step == StopStep::kAsk    ? heeds_ask && found->second.started
                      : effect.step == StopStep::kQuit ? heeds_quit
                                                       : heeds_kill;
  if (!heeded) return;
  const Exit exit = effect.step == StopStep::kAsk ? Exit{ExitKind::kExited, 0} : Exit{ExitKind::kCrashed, 0};
  at(std::chrono::milliseconds(12),
     [this, id = effect.id, process = found->second.process, exit] { end_process(id, process, exit); });
}

void SimulatedHost::perform(const ForgetVm& effect) {
  const auto found = vms.find(effect.id);
  expect(found == vms.end() || !found->second.running, "a running VM is forgotten: " + to_string(effect.id));
  if (found != vms.end() && !found->second.running) vms.erase(found);
}

void SimulatedHost::perform(const ProbeHealth& effect) {
  probes.push_back(now_);
  if (unanswered.contains(effect.id)) return;
  const bool passed = is_running(effect.id) && !unhealthy.contains(effect.id);
  answer(kSoon, ProbeDone{effect.id, effect.probe, passed, passed ? "" : "GET / answered 503"});
}

void SimulatedHost::perform(const Publish& effect) {
  if (forwarder_dead) {
    table_lost_at_ = now_;
    return;
  }
  at(kSoon, [this, effect, life = life_] {
    if (life != life_) return;  // it went down with the agent before the forwarder read it
    table = effect.routes;
    Published published;
    published.version = effect.version;
    std::uint16_t next = 30000;
    for (const Route& route : effect.routes) {
      ObservedPublication seen{route.app, route.publication.port_name, route.publication.port, "127.0.0.1", 0, ""};
      std::uint16_t port = route.publication.host_port.value_or(0);
      while (port == 0) {
        if (!taken_ports.contains(next)) port = next;
        ++next;
      }
      if (taken_ports.contains(port))
        seen.problem = "port in use";
      else
        seen.host_port = port;
      published.publications.push_back(seen);
    }
    published_ = std::move(published);
    tell_published();
  });
}

void SimulatedHost::tell_published() {
  published_.leaving.clear();
  for (const InstanceId& id : in_flight)
    if (const auto vm = vms.find(id); vm != vms.end() && backends_of(id).empty())
      published_.leaving.insert(vm->second.address);
  answer(kSoon, published_);
}

// ---- The world ------------------------------------------------------------------------------------------------------

void SimulatedHost::end_process(const InstanceId& id, std::uint64_t process, Exit exit) {
  const auto found = vms.find(id);
  if (found == vms.end() || found->second.process != process || !found->second.running) return;
  found->second.running = false;
  found->second.exit = exit;
  if (loop_) inbox_.emplace_back(VmEnded{id, found->second.run, exit, std::nullopt});
}

void SimulatedHost::end_vm(const InstanceId& id, Exit exit) {
  const auto found = vms.find(id);
  if (found != vms.end()) end_process(id, found->second.process, exit);
}

void SimulatedHost::lose_vm(const InstanceId& id) {
  vms.erase(id);
}

bool SimulatedHost::is_running(const InstanceId& id) const {
  const auto found = vms.find(id);
  return found != vms.end() && found->second.running && found->second.started;
}

std::size_t SimulatedHost::count_running() const {
  return static_cast<std::size_t>(std::ranges::count_if(vms, [](const auto& vm) { return vm.second.running; }));
}

std::set<std::string> SimulatedHost::backends_of(const InstanceId& id) const {
  std::set<std::string> ports;
  for (const Route& route : table)
    for (const Backend& backend : route.backends)
      if (backend.id == id) ports.insert(route.publication.port_name);
  return ports;
}

void SimulatedHost::want(std::vector<Action> actions) {
  goals_.stamp.revision += 1;
  goals_.actions = std::move(actions);
  release_parked();
}

void SimulatedHost::want_stamped(Stamp stamp, std::vector<Action> actions) {
  goals_once_ = Goals{std::move(stamp), std::move(actions)};
  release_parked();
}

std::optional<InstanceStatus> SimulatedHost::status(const InstanceId& id) const {
  for (const ObservedInstance& seen : body_.instances)
    if (seen.id == id) return seen.status;
  return std::nullopt;
}

}  // namespace unik::agent
