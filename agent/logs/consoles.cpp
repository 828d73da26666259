#include "agent/logs/consoles.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "agent/forward/socket.hpp"
#include "agent/forward/thread.hpp"
#include "wire/clock.hpp"

namespace unik::agent {
namespace {

Error no_such_instance(const InstanceId& id) {
  return not_found("no_such_instance", "no console of instance " + to_string(id) + " is on this node");
}

}  // namespace

class Consoles::State {
 public:
  explicit State(ConsolesOptions options)
      : options_(std::move(options)),
        inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
        stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  Result<void> start() {
    if (!inotify_ || !stop_)
      return exhausted("no_inotify", "inotify: " + describe_errno(errno) + "; raise fs.inotify.max_user_instances");
    thread_ = start_thread([this] { watch(); });
    return {};
  }

  ~State() {
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    if (thread_.joinable()) thread_.join();
  }

  WallTime now() const { return options_.wall_clock ? options_.wall_clock() : wire::read_clock().wall; }

  Result<void> attach(const InstanceId& id, const std::string& directory) {
    const std::lock_guard lock(mutex_);
    if (watched_.contains(id)) return {};
    Result<std::shared_ptr<Console>> console = Console::open(directory, now(), options_.limits);
    if (!console) return std::move(console).error();
    Watched& watched = watched_[id];
    watched.console = *console;
    watched.number = ::inotify_add_watch(inotify_.get(), console_path(directory).c_str(), IN_MODIFY);
    if (watched.number < 0)
      return exhausted("no_watch", "watching " + console_path(directory) + ": " + describe_errno(errno) +
                                       "; its log is read when it is asked for, with inexact times; raise "
                                       "fs.inotify.max_user_watches");
    by_number_[watched.number] = id;
    (void)watched.console->notice(now()).ok();  // what came before the watch stood
    return {};
  }

  void forget(const InstanceId& id) {
    std::shared_ptr<Console> console;
    {
      const std::lock_guard lock(mutex_);
      const auto found = watched_.find(id);
      if (found == watched_.end()) return;
      console = std::move(found->second.console);
      if (found->second.number >= 0) {
        ::inotify_rm_watch(inotify_.get(), found->second.number);
        by_number_.erase(found->second.number);
      }
      watched_.erase(found);
    }
    (void)console->notice(now()).ok();
    console->finish();
  }

  std::shared_ptr<Console> find(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(id);
    return found == watched_.end() ? nullptr : found->second.console;
  }

 private:
  struct Watched {
    std::shared_ptr<Console> console;
    int number = -1;  // of its watch
  };

  // Waits without a timer until somebody writes, gives the writers kGather for more, then looks at each console once.
  void watch() {
    constexpr int kGatherMs = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(kGather).count());
    std::array<pollfd, 2> items{{{stop_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}}};
    while (true) {
      if (::poll(items.data(), items.size(), -1) < 0 && errno != EINTR) return;
      if (items[0].revents != 0 || ::poll(items.data(), 1, kGatherMs) > 0) return;
      for (const std::shared_ptr<Console>& console : written_to()) (void)console->notice(now()).ok();
    }
  }

  // Reads the events that wait. Too many of them, and the kernel drops some: then any console may have been written to.
  std::vector<std::shared_ptr<Console>> written_to() {
    std::set<int> numbers;
    bool all = false;
    alignas(inotify_event) std::array<char, 64 << 10> buffer;
    while (true) {
      const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      for (ssize_t at = 0; at < got;) {
        const auto* const event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        all = all || (event->mask & IN_Q_OVERFLOW) != 0;
        numbers.insert(event->wd);
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
    }
    std::vector<std::shared_ptr<Console>> consoles;
    const std::lock_guard lock(mutex_);
    for (const auto& [number, id] : by_number_)
      if (all || numbers.contains(number)) consoles.push_back(watched_.at(id).console);
    return consoles;
  }

  const ConsolesOptions options_;
  const Fd inotify_;
  const Fd stop_;
  std::mutex mutex_;
  std::map<InstanceId, Watched> watched_;
  std::map<int, InstanceId> by_number_;
  std::thread thread_;
};

Consoles::Consoles(std::unique_ptr<State> state) : state_(std::move(state)) {}
Consoles::~Consoles() = default;

Result<std::unique_ptr<Consoles>> Consoles::create(ConsolesOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  if (Result<void> started = state->start(); !started) return std::move(started).error();
  return std::unique_ptr<Consoles>(new Consoles(std::move(state)));
}

Result<void> Consoles::attach(const InstanceId& id, const std::string& directory) {
  return state_->attach(id, directory);
}

Result<void> Consoles::begin_run(const InstanceId& id, std::uint32_t run) {
  const std::shared_ptr<Console> console = state_->find(id);
  if (!console) return no_such_instance(id);
  return console->begin_run(run, state_->now());
}

void Consoles::forget(const InstanceId& id) {
  state_->forget(id);
}

Result<ConsoleReader> Consoles::read(const InstanceId& id, const LogQuery& query) {
  std::shared_ptr<Console> console = state_->find(id);
  if (!console) return no_such_instance(id);
  return ConsoleReader::open(std::move(console), query, state_->now());
}

}  // namespace unik::agent
