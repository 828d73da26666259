#include "agent/qemu/hypervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "agent/qemu/command_line.hpp"
#include "agent/qemu/guest_config.hpp"
#include "agent/qemu/instance_dir.hpp"
#include "agent/qemu/usage.hpp"
#include "agent/qemu/vm.hpp"
#include "wire/clock.hpp"
#include "wire/log.hpp"

namespace unik::agent {
namespace {

// A guest that has not started its app by then gets its limits all the same. They come so late because entering a
// cgroup holds up the making of threads on the whole host for 5 to 25 ms, in the middle of a boot.
constexpr Duration kLimitsAtLast = std::chrono::seconds(2);
constexpr Duration kGuardBegins = std::chrono::seconds(10);  // from the launch of its VM
// How soon a VM whose process could not be recognised is looked at again.
constexpr Duration kRecheck = std::chrono::seconds(1);
constexpr Duration kAdoptPause = std::chrono::milliseconds(5);

struct AskAccepted {
  InstanceId id;
  std::uint16_t guest_port = 0;
  Vm::Accepted answer;
};

using Command = std::variant<LaunchVm, StopVm, ForgetVm, AskAccepted>;

// All that is known of one instance: a VM that lives, or how the last one ended.
struct Known {
  std::unique_ptr<Vm> vm;
  std::optional<VmEnded> ended;
  std::optional<LaunchVm> launch;  // of a VM that this agent launched
  bool without_kvm = false;        // KVM was tried in vain for this run
  bool limited = false;
};

void note(wire::LogLevel level, std::string_view message, const InstanceId& id, std::string_view detail = {}) {
  wire::log(level, "qemu", message, {{"instance", to_string(id)}, {"detail", detail}});
}

AdoptedVm describe(const RunFile& run, bool running) {
  AdoptedVm vm;
  vm.id = run.id;
  vm.run = run.run;
  vm.running = running;
  vm.address = run.address;
  vm.accelerator = std::string(to_string(run.accelerator));
  vm.started_at = run.started_at;
  vm.boot.start = run.start;
  vm.boot.first_byte = run.first_byte;
  return vm;
}

}  // namespace

class Hypervisor::State {
 public:
  State(HypervisorOptions options, HypervisorPorts ports, Poller poller)
      : options_(std::move(options)),
        ports_(std::move(ports)),
        instances_(options_.state_dir + "/instances"),
        poller_(std::move(poller)) {}

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    poller_.wake();
    if (thread_.joinable()) thread_.join();
  }

  const std::string& instances() const { return instances_; }

  void ask(Command command) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    }
    poller_.wake();
  }

  std::vector<AdoptedVm> adopt() {
    std::vector<AdoptedVm> adopted;
    for (const InstanceId& id : list_instance_dirs(instances_))
      if (std::optional<AdoptedVm> vm = adopt_one(id)) adopted.push_back(std::move(*vm));
    adopting_ = false;
    thread_ = std::thread([this] { run(); });
    return adopted;
  }

 private:
  // ---- The thread ---------------------------------------------------------------------------------------------------

  void run() {
    for (;;) {
      const std::vector<Poller::Tag> due = poller_.wait(longest_wait(wire::read_clock().boot));
      const Now now = wire::read_clock();
      for (const Poller::Tag tag : due) on_tag(tag, now);
      std::deque<Command> commands;
      {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        commands.swap(commands_);
      }
      for (Command& command : commands) std::visit([this](auto& effect) { carry_out(effect); }, command);
      on_time(wire::read_clock());
    }
  }

  void on_tag(Poller::Tag tag, Now now) {
    const auto found = ids_.find(tag / Vm::kSources);
    if (found == ids_.end()) return;  // ended earlier in this round
    const InstanceId id = found->second;
    Known& known = known_[id];
    const auto source = static_cast<Vm::Source>(tag % Vm::kSources);
    if (source == Vm::Source::kProcess) return end(id, known, now);
    known.vm->on_due(source, now);
    if (known.vm->internal_error() && !known.vm->was_asked_to_stop()) {
      note(wire::LogLevel::kWarning, "the accelerator gave a VM up; ending it", id);
      known.vm->kill();
    }
  }

  std::optional<Duration> longest_wait(Time now) const {
    std::optional<Time> next;
    const auto at = [&next](Time time) { next = next ? std::min(*next, time) : time; };
    for (const auto& [id, known] : known_) {
      if (!known.vm) continue;
      if (!known.vm->is_attached()) at(rechecked_ + kRecheck);
      if (!known.limited && known.vm->launched()) at(*known.vm->launched() + kLimitsAtLast);
      if (const std::optional<Time> bound = start_bound(known)) at(*bound);
      at(measured_ + options_.measure_every);
    }
    if (!next) return std::nullopt;
    return std::max(*next - now, Duration::zero());
  }

  void on_time(Now now) {
    const bool recheck = now.boot - rechecked_ >= kRecheck;
    if (recheck) rechecked_ = now.boot;
    std::vector<InstanceId> gone;
    for (auto& [id, known] : known_) {
      if (!known.vm) continue;
      if (!known.vm->is_attached() && recheck && !known.vm->adopt(now) && !known.vm->dir().is_locked())
        gone.push_back(id);
      if (known.vm->launched() && now.boot - *known.vm->launched() >= kLimitsAtLast) limit(known);
      if (const std::optional<Time> bound = start_bound(known); bound && now.boot >= *bound) {
        note(wire::LogLevel::kWarning, "a guest does not start under KVM; ending it to try TCG", id);
        known.vm->kill();
        known.without_kvm = true;
      }
    }
    for (const InstanceId& id : gone) end(id, known_[id], now);
    if (now.boot - measured_ >= options_.measure_every) measure(now.boot);
  }

  // Until when a guest under KVM has time to start its app; empty where nothing is to be done about it.
  std::optional<Time> start_bound(const Known& known) const {
    const Vm& vm = *known.vm;
    if (vm.run().accelerator != Accelerator::kKvm || known.without_kvm || vm.has_started() || !vm.launched())
      return std::nullopt;
    return *vm.launched() + options_.kvm_start_bound;
  }

  // Without its guard a strict singleton might outlive its lease. One that was launched a moment ago may not hold its
  // lock yet, and asking would get in its way.
  void check_guards(Time now) {
    for (const auto& [id, known] : known_) {
      if (!known.vm || !known.vm->run().strict || !known.vm->is_attached()) continue;
      if (const std::optional<Time> launched = known.vm->launched(); launched && now - *launched < kGuardBegins)
        continue;
      if (is_guarded(known.vm->dir().file(kGuardLock))) continue;
      note(wire::LogLevel::kWarning, "the guard of a strict singleton is gone; ending its VM", id);
      known.vm->kill();
    }
  }

  void measure(Time now) {
    measured_ = now;
    check_guards(now);
    std::vector<pid_t> pids;
    for (const auto& [id, known] : known_)
      if (known.vm && known.vm->is_attached()) pids.push_back(known.vm->pid());
    if (const std::optional<Resources> used = meter_.measure(pids, now)) ports_.deliver(Measured{*used});
  }

  // ---- Effects ------------------------------------------------------------------------------------------------------

  void carry_out(LaunchVm& effect) {
    Known& known = known_[effect.id];
    if (known.vm && known.vm->run().run == effect.run) {
      if (known.vm->has_started()) ports_.deliver(known.vm->started_event());
      return;  // else it will be told
    }
    if (known.vm)
      return ports_.deliver(
          VmEnded{effect.id, effect.run, std::nullopt,
                  conflict("vm_already_runs", "want no VM of " + to_string(effect.id) + ", found its run " +
                                                  std::to_string(known.vm->run().run))});
    if (known.ended && effect.run <= known.ended->run) return ports_.deliver(*known.ended);
    known.launch = std::move(effect);
    known.ended.reset();
    known.without_kvm = options_.host.accelerator != Accelerator::kKvm;
    begin(known);
  }

  void carry_out(const StopVm& effect) {
    const auto found = known_.find(effect.id);
    if (found != known_.end() && found->second.vm) return found->second.vm->stop(effect.step);
    if (found != known_.end() && found->second.ended) return ports_.deliver(*found->second.ended);
    ports_.deliver(VmEnded{effect.id, 0, std::nullopt,
                           not_found("no_such_vm", "want a VM of " + to_string(effect.id) + " to stop, found none")});
  }

  void carry_out(const ForgetVm& effect) {
    const auto found = known_.find(effect.id);
    if (found != known_.end() && found->second.vm)
      return note(wire::LogLevel::kWarning, "an instance that still runs is not forgotten", effect.id);
    if (found != known_.end()) known_.erase(found);
    if (ports_.forget_console) ports_.forget_console(effect.id);
    if (!std::filesystem::exists(instances_ + '/' + instance_dir_name(effect.id))) return;
    const Result<InstanceDir> dir = InstanceDir::open(instances_, effect.id);
    if (dir.ok() && !dir->is_locked()) dir->remove();
  }

  void carry_out(AskAccepted& question) {
    const auto found = known_.find(question.id);
    if (found == known_.end() || !found->second.vm) return question.answer(std::nullopt);
    found->second.vm->ask_accepted(question.guest_port, std::move(question.answer));
  }

  void begin(Known& known) {
    const LaunchVm launch = *known.launch;
    if (Result<void> begun = try_begin(known); !begun.ok())
      give(known, VmEnded{launch.id, launch.run, std::nullopt, begun.error()});
  }

  Result<void> try_begin(Known& known) {
    const LaunchVm& launch = *known.launch;
    const Result<runtimes::BootFiles> files = ports_.boot_files(launch.boot.image);
    if (!files.ok()) return files.error();
    Result<InstanceDir> dir = InstanceDir::open(instances_, launch.id);
    if (!dir.ok()) return std::move(dir).error();

    HostFacts host = options_.host;
    if (known.without_kvm) host.accelerator = Accelerator::kTcg;
    const Result<VmSpec> spec = plan_vm(launch, *files, host, dir->path());
    if (!spec.ok()) return spec.error();
    std::string config;
    const bool own_kernel = files->kind == runtimes::BootKind::kUnik;
    if (own_kernel) {
      Result<std::string> made = guest_config(launch.id, launch.boot, files->config);
      if (!made.ok()) return std::move(made).error();
      config = std::move(*made);
    }
    if (ports_.attach_console)
      if (Result<void> attached = ports_.attach_console(launch.id, dir->path()); !attached.ok())
        return attached.error();
    if (ports_.begin_console_run)
      if (Result<void> begun = ports_.begin_console_run(launch.id, launch.run); !begun.ok()) return begun.error();

    RunFile run;
    run.id = launch.id;
    run.run = launch.run;
    run.host_boot = options_.host_boot;
    run.address = launch.address;
    run.forwards = spec->forwards;
    run.accelerator = spec->accelerator;
    run.own_kernel = own_kernel;
    run.resources = launch.boot.resources;
    run.strict = launch.boot.singleton == Singleton::kStrict;
    run.console_begin = dir->size_of(kConsoleFile);
    const ProcessLimits limits = ports_.process_limits ? ports_.process_limits(launch.boot.resources) : ProcessLimits{};
    const Now now = wire::read_clock();
    std::optional<GuardSpec> guard;
    if (run.strict) guard = {options_.program, options_.lease_page, options_.host_boot, dir->file(kGuardLock)};
    Result<StartedVm> started = start_vm(*dir, *spec, run, config, limits, guard);
    if (!started.ok()) return std::move(started).error();
    known.limited = false;
    watch(known, std::move(*dir), std::move(run), now.boot);
    known.vm->attach(std::move(*started), wire::read_clock());
    return {};
  }

  void watch(Known& known, InstanceDir dir, RunFile run, std::optional<Time> launched) {
    const InstanceId id = run.id;
    const auto started = [this, id](const VmStarted& event) {
      limit(known_[id]);
      if (!adopting_) ports_.deliver(event);
    };
    known.vm = std::make_unique<Vm>(++last_token_, std::move(dir), std::move(run), poller_, started, launched);
    ids_[last_token_] = id;
  }

  void limit(Known& known) {
    if (known.limited || !known.vm->is_attached()) return;
    known.limited = true;
    if (ports_.apply_limits)
      ports_.apply_limits(instance_dir_name(known.vm->run().id), known.vm->pid(), known.vm->run().resources);
  }

  // ---- Ends ---------------------------------------------------------------------------------------------------------

  void end(const InstanceId& id, Known& known, Now now) {
    const VmOutcome outcome = known.vm->finish(now);
    const bool in_vain = known.vm->run().accelerator == Accelerator::kKvm && known.launch &&
                         !known.vm->was_asked_to_stop() && !known.vm->has_started() &&
                         (known.without_kvm || known.vm->internal_error() || outcome.error);
    VmEnded ended{id, known.vm->run().run, outcome.exit, outcome.error};
    ids_.erase(known.vm->token());
    known.vm.reset();
    if (ports_.release_limits) ports_.release_limits(instance_dir_name(id));
    if (in_vain) {
      known.without_kvm = true;
      return begin(known);
    }
    give(known, std::move(ended));
  }

  void give(Known& known, VmEnded ended) {
    known.launch.reset();  // its environment may hold secrets
    known.ended = std::move(ended);
    ports_.deliver(*known.ended);
  }

  // ---- What earlier agents left -------------------------------------------------------------------------------------

  std::optional<AdoptedVm> adopt_one(const InstanceId& id) {
    Result<InstanceDir> dir = InstanceDir::open(instances_, id);
    if (!dir.ok()) {
      note(wire::LogLevel::kWarning, "cannot look at what is left of an instance", id, dir.error().message);
      return std::nullopt;
    }
    RunFile run;
    if (Result<RunFile> read = dir->read_run(); read.ok())
      run = std::move(*read);
    else
      note(wire::LogLevel::kWarning, "an instance's run is not known", id, read.error().message);
    run.id = id;
    if (ports_.attach_console)
      if (Result<void> attached = ports_.attach_console(id, dir->path()); !attached.ok())
        note(wire::LogLevel::kWarning, "cannot watch a console", id, attached.error().message);

    const bool running = dir->is_locked();
    Known& known = known_[id];
    watch(known, std::move(*dir), std::move(run), std::nullopt);
    const Now now = wire::read_clock();
    if (running) {
      adopt_running(known, now);
      return describe(known.vm->run(), true);
    }
    const VmOutcome outcome = known.vm->finish(now);
    AdoptedVm vm = describe(known.vm->run(), false);
    vm.exit = outcome.exit;
    known.ended = VmEnded{id, vm.run, outcome.exit, outcome.error};
    ids_.erase(known.vm->token());
    known.vm.reset();
    return vm;
  }

  // The process may be between the fork and the exec, and not to be recognised for a moment.
  void adopt_running(Known& known, Now now) {
    while (!known.vm->adopt(now)) {
      if (adopt_waited_ >= kAdoptWait) {
        note(wire::LogLevel::kWarning, "a VM holds its lock, but its process is not found; looking again",
             known.vm->run().id);
        return;
      }
      std::this_thread::sleep_for(kAdoptPause);
      adopt_waited_ += kAdoptPause;
    }
    limit(known);
  }

  const HypervisorOptions options_;
  const HypervisorPorts ports_;
  const std::string instances_;
  Poller poller_;

  std::mutex mutex_;              // guards the two below; all else belongs to the thread
  std::deque<Command> commands_;  // at most a few for each instance: the loop asks again only after an answer
  bool ending_ = false;

  std::map<InstanceId, Known> known_;
  std::map<std::uint64_t, InstanceId> ids_;  // by token
  std::uint64_t last_token_ = 0;
  bool adopting_ = true;
  Duration adopt_waited_{};
  Time rechecked_{};
  Time measured_{};
  UsageMeter meter_;
  std::thread thread_;
};

Result<std::unique_ptr<Hypervisor>> Hypervisor::create(HypervisorOptions options, HypervisorPorts ports) {
  Result<Poller> poller = Poller::create();
  if (!poller.ok()) return std::move(poller).error();
  auto state = std::make_unique<State>(std::move(options), std::move(ports), std::move(*poller));
  std::error_code problem;
  std::filesystem::create_directories(state->instances(), problem);
  if (problem) return unavailable("instance_dir", "cannot create " + state->instances() + ": " + problem.message());
  return std::unique_ptr<Hypervisor>(new Hypervisor(std::move(state)));
}

Hypervisor::Hypervisor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hypervisor::~Hypervisor() = default;

std::vector<AdoptedVm> Hypervisor::adopt() {
  return state_->adopt();
}
void Hypervisor::launch(LaunchVm effect) {
  state_->ask(std::move(effect));
}
void Hypervisor::stop(StopVm effect) {
  state_->ask(effect);
}
void Hypervisor::forget(ForgetVm effect) {
  state_->ask(effect);
}
void Hypervisor::ask_accepted(const InstanceId& id, std::uint16_t guest_port, Vm::Accepted answer) {
  state_->ask(AskAccepted{id, guest_port, std::move(answer)});
}

}  // namespace unik::agent
