#include "tests/sim/simulated_node.hpp"

#include <algorithm>
#include <utility>

#include "api/lease.hpp"

namespace unik::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kRecordsKept = 8;
constexpr milliseconds kJobTime(5000);
constexpr milliseconds kKillTime(12);

// Most apps end at once, some finish what they have begun, and a few do not listen.
Duration random_end(Random& random) {
  if (random.chance(0.7)) return random.between(milliseconds(5), milliseconds(60));
  return random.chance(0.7) ? random.between(milliseconds(60), seconds(3)) : random.between(seconds(3), seconds(60));
}

// Some hosts are busy, and some starts are slow.
Duration random_boot(Random& random) {
  return random.chance(0.9) ? random.between(milliseconds(120), milliseconds(300))
                            : random.between(milliseconds(300), seconds(3));
}

NodeInfo node_info() {
  NodeInfo info;
  info.capacity = {MilliCpu{4000}, mebibytes(4096)};
  info.platform = "linux/amd64";
  info.accelerator = "tcg";
  info.accelerator_reason = "simulated";
  info.agent_version = "0.1.0";
  info.overhead = mebibytes(64);
  return info;
}

}  // namespace

SimulatedNode::SimulatedNode(int index, std::string name, Timeline& timeline, Random& random, Uplink& uplink)
    : index_(index), name_(std::move(name)), timeline_(timeline), random_(random), uplink_(uplink) {}

void SimulatedNode::start() {
  if (off_) return;
  agent::LoopOptions options;
  options.node = name_;
  options.boot_id = "boot";
  options.wall_start_us = static_cast<std::uint64_t>(timeline_.now().wall.time_since_epoch().count());
  ++life_;
  loop_ = std::make_unique<agent::Loop>(options);
  inbox_.clear();
  wake_at_.reset();
  agent::Inventory inventory;
  inventory.record = record_;
  for (const auto& [id, vm] : vms_) {
    agent::AdoptedVm adopted;
    adopted.id = id;
    adopted.run = vm.run;
    adopted.running = vm.running;
    adopted.address = vm.address;
    adopted.accelerator = "tcg";
    adopted.started_at = vm.started_at;
    adopted.exit = vm.exit;
    inventory.vms.push_back(std::move(adopted));
  }
  inventory.images.assign(images_.begin(), images_.end());
  deliver(std::move(inventory));
}

void SimulatedNode::crash() {
  loop_.reset();
  inbox_.clear();
  ++life_;
}

void SimulatedNode::switch_off() {
  crash();
  vms_.clear();
  off_ = true;
}

void SimulatedNode::deliver(agent::Event event) {
  if (!loop_) return;
  if (const auto* const answered = std::get_if<agent::HeartbeatAnswered>(&event);
      answered != nullptr && answered->reply.goals && !covers(answered->reply.goals->stamp, record_.goals.stamp) &&
      answered->reply.goals->stamp.cluster_id == record_.goals.stamp.cluster_id)
    ++refused_;
  inbox_.push_back(std::move(event));
  turn_soon();
}

void SimulatedNode::turn_soon() {
  if (turn_planned_) return;
  turn_planned_ = true;
  timeline_.after(Duration(50), [this] {
    turn_planned_ = false;
    turn();
  });
}

void SimulatedNode::turn() {
  if (!loop_) return;
  // The guards wake first: a real host has one process for each, which needs no turn of anybody.
  if (is_suspended())
    return timeline_.after(suspended_until_ - timeline_.now().boot + milliseconds(1), [this] { turn_soon(); });
  const std::vector<agent::Event> events = std::exchange(inbox_, {});
  const agent::Effects effects = loop_->turn(timeline_.now(), events);
  for (const agent::Effect& effect : effects.list) {
    if (died()) return;
    std::visit([this](const auto& one) { perform(one); }, effect);
    if (died()) return;
  }
  if (!effects.wake_at || (wake_at_ && *wake_at_ <= *effects.wake_at && *wake_at_ > timeline_.now().boot)) return;
  wake_at_ = effects.wake_at;
  const Duration delay = std::max(*effects.wake_at - timeline_.now().boot, Duration(50));
  timeline_.after(delay, [this, life = life_] {
    if (life != life_) return;
    wake_at_.reset();
    turn_soon();
  });
}

bool SimulatedNode::died() {
  if (!dies_here || !dies_here()) return false;
  crash();
  return true;
}

// Whoever was due while the host slept is due now, the guards before the agent.
void SimulatedNode::wake() {
  if (!is_suspended()) return;
  suspended_until_ = timeline_.now().boot;
  for (const auto& [id, vm] : std::map(vms_))
    if (vm.strict) guard(id, vm.process);
  turn_soon();
}

void SimulatedNode::answer(Duration delay, agent::Event event) {
  timeline_.after(delay, [this, life = life_, event = std::move(event)] {
    if (life == life_) deliver(event);
  });
}

void SimulatedNode::perform(const agent::SaveRecord& effect) {
  if (disk_failing_ && random_.chance(0.5)) {
    answer(milliseconds(2), agent::RecordFailed{effect.version, exhausted("disk_full", "simulated")});
    return;
  }
  older_records_.push_back(record_);
  if (older_records_.size() > kRecordsKept) older_records_.erase(older_records_.begin());
  const Stamp& before = record_.goals.stamp;
  const Stamp& after = effect.record.goals.stamp;
  if (!before.cluster_id.empty() && !covers(after, before))
    broken_.push_back(name_ + " stored goals older than those it had");
  record_ = effect.record;
  answer(milliseconds(1), agent::RecordSaved{effect.version});
}

void SimulatedNode::roll_record_back() {
  if (older_records_.empty()) return;
  record_ = older_records_.front();
  older_records_.clear();
  rolled_back_ = true;
}

void SimulatedNode::perform(const agent::SendRegister& effect) {
  RegisterRequest request;
  request.node = name_;
  request.agent_id = agent_id();
  request.agent_start = effect.agent_start;
  request.labels = {{"zone", index_ % 2 == 0 ? "a" : "b"}, {"rack", std::to_string(index_ % 3)}};
  request.info = node_info();
  uplink_.send_register(index_, std::move(request), life_);
}

void SimulatedNode::perform(const agent::SendHeartbeat& effect) {
  uplink_.send_heartbeat(index_, effect.report, life_);
}

void SimulatedNode::perform(const agent::FetchImage& effect) {
  if (effect.wanted.image.starts_with("bad"))
    return answer(milliseconds(80), agent::ImageFailed{effect.wanted, not_found("no_such_image", "simulated")});
  images_.insert(effect.wanted.image);
  answer(milliseconds(80), agent::ImageReady{effect.wanted, milliseconds(60), milliseconds(20)});
}

void SimulatedNode::perform(const agent::KeepLease& effect) {
  leased_from_ = std::max(leased_from_, effect.sent);
}

// What the process beside a strict VM does.
void SimulatedNode::guard(const InstanceId& id, std::uint64_t process) {
  const auto found = vms_.find(id);
  if (!guarded_ || found == vms_.end() || found->second.process != process || !found->second.running) return;
  const Time now = timeline_.now().boot;
  const Time end = leased_from_ + kStrictLease;
  if (now >= end && !is_suspended()) return end_vm(id, process, Exit{ExitKind::kCrashed, 0});
  timeline_.after(std::max(end, suspended_until_) - now, [this, id, process] { guard(id, process); });
}

void SimulatedNode::perform(const agent::LaunchVm& effect) {
  const auto known = vms_.find(effect.id);
  if (known != vms_.end() && known->second.running) {
    broken_.push_back(name_ + " launched " + to_string(effect.id) + " while it runs");
    return;
  }
  ++boots_;
  SimulatedVm vm;
  vm.run = effect.run;
  vm.started_before = known != vms_.end() && (known->second.started || known->second.started_before);
  vm.address = effect.address;
  vm.process = ++processes_;
  vm.strict = effect.boot.singleton == Singleton::kStrict;
  vm.job = effect.boot.env.contains("JOB");
  vm.broken = effect.boot.env.contains("BROKEN") || (rotten_ && effect.boot.env.contains("ROTS"));
  vm.ends_in = random_end(random_);
  vms_[effect.id] = vm;
  uplink_.launched(index_, effect.id, effect.boot);
  if (vm.strict) guard(effect.id, vm.process);
  const Duration boot = random_boot(random_);
  timeline_.after(boot, [this, id = effect.id, process = vm.process, run = effect.run, boot] {
    const auto found = vms_.find(id);
    if (found == vms_.end() || found->second.process != process || !found->second.running) return;
    found->second.started = true;
    found->second.started_at = timeline_.now().wall;
    deliver(agent::VmStarted{id, run, timeline_.now().wall, "tcg", boot, boot - milliseconds(20)});
  });
  if (!vm.broken && !vm.job) return;
  timeline_.after(vm.broken ? boot + milliseconds(200) : kJobTime,
                  [this, id = effect.id, process = vm.process, broken = vm.broken] {
                    end_vm(id, process, Exit{ExitKind::kExited, broken ? 1 : 0});
                  });
}

void SimulatedNode::end_vm(const InstanceId& id, std::uint64_t process, Exit exit) {
  const auto found = vms_.find(id);
  if (found == vms_.end() || found->second.process != process || !found->second.running) return;
  found->second.running = false;
  found->second.exit = exit;
  deliver(agent::VmEnded{id, found->second.run, exit, std::nullopt});
}

void SimulatedNode::perform(const agent::StopVm& effect) {
  const auto found = vms_.find(effect.id);
  if (found == vms_.end() || !found->second.running) {
    const std::uint32_t run = found == vms_.end() ? 0 : found->second.run;
    answer(milliseconds(1), agent::VmEnded{effect.id, run, Exit{ExitKind::kSignaled, 15}, std::nullopt});
    return;
  }
  found->second.asked_to_end = true;
  const Duration takes = effect.step == agent::StopStep::kAsk ? found->second.ends_in : Duration(kKillTime);
  timeline_.after(takes, [this, id = effect.id, process = found->second.process] {
    end_vm(id, process, Exit{ExitKind::kSignaled, 15});
  });
}

void SimulatedNode::perform(const agent::ForgetVm& effect) {
  const auto found = vms_.find(effect.id);
  if (found != vms_.end() && found->second.running) {
    broken_.push_back(name_ + " forgot " + to_string(effect.id) + " while it runs");
    return;
  }
  vms_.erase(effect.id);
}

void SimulatedNode::perform(const agent::ProbeHealth& effect) {
  const auto found = vms_.find(effect.id);
  const bool passed = found != vms_.end() && found->second.running && found->second.started;
  answer(milliseconds(3), agent::ProbeDone{effect.id, effect.probe, passed, passed ? "200" : "connection refused"});
}

// A port of the host goes to whoever comes first.
void SimulatedNode::perform(const agent::Publish& effect) {
  agent::Published published;
  published.version = effect.version;
  std::set<std::uint16_t> taken;
  for (const agent::Route& route : effect.routes) {
    const std::uint16_t port = route.publication.host_port.value_or(0);
    const bool free = port == 0 || taken.insert(port).second;
    published.publications.push_back({route.app, route.publication.port_name, route.publication.port, "127.0.0.1",
                                      static_cast<std::uint16_t>(!free       ? 0
                                                                 : port == 0 ? 30000
                                                                             : port),
                                      free ? "" : "address in use"});
  }
  answer(milliseconds(1), std::move(published));
}

void SimulatedNode::kill_some_vm() {
  if (vms_.empty()) return;
  auto it = vms_.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(random_.below(vms_.size())));
  if (it->second.running) end_vm(it->first, it->second.process, Exit{ExitKind::kCrashed, 0});
}

}  // namespace unik::sim
