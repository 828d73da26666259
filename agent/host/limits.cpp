#include "agent/host/limits.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "agent/forward/fd.hpp"
#include "agent/host/cgroups.hpp"
#include "wire/log.hpp"

namespace unik::agent {
namespace {

constexpr std::int64_t kCpuPeriodUs = 100'000;
constexpr std::int64_t kLeastQuotaUs = 1'000;             // the kernel takes no smaller one
constexpr Bytes kFallbackAddressSpace = mebibytes(2048);  // QEMU maps far more than it uses
// A cgroup is busy for a moment after its last process has ended.
constexpr int kRemoveTries = 50;
constexpr std::chrono::milliseconds kRemovePause{20};

bool write_file(const std::string& path, const std::string& text) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool make_group(const std::string& path) {
  return mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

// Processes may not stand in a v2 group that gives controllers to its children: ours moves into one of them.
bool enable_controllers(const std::string& parent) {
  const std::string wanted = "+memory +cpu";
  if (write_file(parent + "/cgroup.subtree_control", wanted)) return true;
  const std::string own = parent + "/unik-agent";
  return make_group(own) && write_file(own + "/cgroup.procs", "0") &&
         write_file(parent + "/cgroup.subtree_control", wanted);
}

std::int64_t quota_us(MilliCpu cpu) {
  return std::max(cpu.value * kCpuPeriodUs / 1000, kLeastQuotaUs);
}

}  // namespace

class Limits::State {
 public:
  explicit State(const std::string& group) {
    const Cgroups cgroups = find_cgroups();
    if (cgroups.v2 && use_v2(*cgroups.v2, group)) return;
    if (use_v1(cgroups, group)) return;
    kind_ = LimitKind::kProcess;
    description_ = "process limits only: no cgroup with memory and cpu is writable";
  }

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    for (const std::string& root : roots_) rmdir(root.c_str());  // stays while VMs are in it
  }

  LimitKind kind() const { return kind_; }
  const std::string& description() const { return description_; }

  void queue(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    }
    changed_.notify_all();
  }

  void apply(const std::string& vm, pid_t pid, const Resources& resources) const {
    for (const std::string& root : roots_) {
      const std::string group = root + '/' + vm;
      if (!make_group(group)) return warn("cannot make a cgroup", group);
      for (const auto& [file, value] : values(resources))
        if (access((group + '/' + file).c_str(), W_OK) == 0 && !write_file(group + '/' + file, value))
          warn("cannot set a limit", group + '/' + file);
      if (!write_file(group + "/cgroup.procs", std::to_string(pid)) && errno != ESRCH)
        warn("cannot put a VM into its cgroup", group);
    }
  }

  void release(const std::string& vm) const {
    for (const std::string& root : roots_)
      for (int tries = 0; tries < kRemoveTries; ++tries) {
        if (rmdir((root + '/' + vm).c_str()) == 0 || errno != EBUSY) break;
        std::this_thread::sleep_for(kRemovePause);
      }
  }

 private:
  bool use_v2(const std::string& own, const std::string& group) {
    std::ifstream file(own + "/cgroup.controllers");
    std::string controllers;
    std::getline(file, controllers);
    if (controllers.find("memory") == std::string::npos || controllers.find("cpu") == std::string::npos) return false;
    const std::string root = own + '/' + group;
    if (!enable_controllers(own) || !make_group(root)) return false;
    if (!write_file(root + "/cgroup.subtree_control", "+memory +cpu")) return false;
    kind_ = LimitKind::kCgroupV2;
    description_ = "cgroup v2 (memory, cpu)";
    roots_ = {root};
    return true;
  }

  bool use_v1(const Cgroups& cgroups, const std::string& group) {
    std::string names;
    for (const auto& [name, own] : {std::pair{"memory", cgroups.v1_memory}, std::pair{"cpu", cgroups.v1_cpu}}) {
      if (!own || !make_group(*own + '/' + group)) continue;
      const std::string root = *own + '/' + group;
      if (std::find(roots_.begin(), roots_.end(), root) == roots_.end()) roots_.push_back(root);
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    if (roots_.empty()) return false;
    kind_ = LimitKind::kCgroupV1;
    description_ = "cgroup v1 (" + names + ')';
    return true;
  }

  // All that any of the two versions calls it; a group has those files that are its own.
  static std::vector<std::pair<std::string, std::string>> values(const Resources& resources) {
    const std::string memory = std::to_string((resources.memory + kVmmMemoryLimit).value);
    const std::string quota = std::to_string(quota_us(resources.cpu));
    const std::string period = std::to_string(kCpuPeriodUs);
    return {{"memory.max", memory},
            {"memory.limit_in_bytes", memory},
            {"cpu.max", quota + ' ' + period},
            {"cpu.cfs_period_us", period},
            {"cpu.cfs_quota_us", quota}};
  }

  static void warn(std::string_view message, const std::string& path) {
    wire::log(wire::LogLevel::kWarning, "limits", message, {{"path", path}, {"error", std::strerror(errno)}});
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || !work_.empty(); });
      if (work_.empty()) return;
      const std::function<void()> work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  LimitKind kind_ = LimitKind::kProcess;
  std::string description_;
  std::vector<std::string> roots_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;  // two for each VM at most
  bool ending_ = false;
  std::thread thread_;
};

std::unique_ptr<Limits> Limits::detect(const std::string& group) {
  return std::unique_ptr<Limits>(new Limits(std::make_unique<State>(group)));
}

Limits::Limits(std::unique_ptr<State> state) : state_(std::move(state)) {}
Limits::~Limits() = default;

LimitKind Limits::kind() const {
  return state_->kind();
}
const std::string& Limits::description() const {
  return state_->description();
}

ProcessLimits Limits::process_limits(const Resources& resources) const {
  if (state_->kind() != LimitKind::kProcess) return {};
  const Bytes most = resources.memory + kFallbackAddressSpace;
  return {kFallbackNice, static_cast<std::uint64_t>(most.value)};
}

void Limits::apply(const std::string& vm, pid_t pid, const Resources& resources) {
  if (state_->kind() == LimitKind::kProcess) return;
  state_->queue([this, vm, pid, resources] { state_->apply(vm, pid, resources); });
}

void Limits::release(const std::string& vm) {
  if (state_->kind() == LimitKind::kProcess) return;
  state_->queue([this, vm] { state_->release(vm); });
}

}  // namespace unik::agent
