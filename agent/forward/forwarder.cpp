#include "agent/forward/forwarder.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "agent/forward/channel.hpp"
#include "agent/forward/forward.hpp"
#include "agent/forward/socket.hpp"
#include "agent/forward/thread.hpp"

namespace unik::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration kAnswerWait = std::chrono::seconds(5);  // for kHello, and for the kernel to take a table
constexpr Duration kStartWait = std::chrono::seconds(15);  // for the process to say that it serves
constexpr Duration kFirstRetry = std::chrono::milliseconds(200);
constexpr Duration kLastRetry = std::chrono::seconds(30);
constexpr Duration kSteady = std::chrono::seconds(10);  // connected for so long, the next loss is a new story
constexpr std::size_t kComplaintBytes = 4096;

std::string route_key(const Route& route) {
  return to_string(route.app) + '/' + route.publication.port_name;
}

// What the process wrote until it ended or detached; waits at most kStartWait.
std::string read_complaint(int fd) {
  const auto until = Clock::now() + kStartWait;
  std::string text;
  while (text.size() < kComplaintBytes) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd item{.fd = fd, .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&item, 1, static_cast<int>(left)) <= 0) break;
    char buffer[512];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Returns once the forwarder serves in a session of its own.
Result<void> start_process(const ForwarderOptions& options) {
  std::vector<std::string> words = {options.program, "forward"};
  for (std::string& word :
       forward_arguments({.directory = options.directory, .build = options.build, .detach = true, .limits = {}}))
    words.push_back(std::move(word));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return internal("no_pipe", "pipe: " + describe_errno(errno));
  const Fd read(ends[0]);
  Fd write(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, write.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, options.program.c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return unavailable("forwarder_failed", options.program + ": " + describe_errno(error));
  write.reset();

  const std::string complaint = read_complaint(read.get());
  int status = 0;
  if (::waitpid(child, &status, WNOHANG) == 0) {
    // It has closed its stderr and ends now, or has not detached in time; in both cases nothing is lost by insisting.
    const auto until = Clock::now() + kAnswerWait;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (Clock::now() >= until) ::kill(child, SIGKILL);
      ::poll(nullptr, 0, 1);
    }
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return unavailable("forwarder_failed",
                     "the forwarder did not start: " + (complaint.empty() ? "no reason given" : complaint));
}

}  // namespace

class Forwarder::State {
 public:
  State(ForwarderOptions options, std::function<void(Event)> deliver)
      : options_(std::move(options)),
        deliver_(std::move(deliver)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_(start_thread([this] { run(); })) {}

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake();
    thread_.join();
  }

  void publish(Publish table) {
    {
      const std::lock_guard lock(mutex_);
      next_ = std::move(table);
    }
    wake();
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

  void run() {
    while (true) {
      wait();
      bool fresh = false;
      {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
        fresh = next_.has_value();
        if (fresh) table_ = std::exchange(next_, std::nullopt);
      }
      if (!table_) continue;
      if (!channel_) {
        if (fresh || Clock::now() >= retry_at_) connect();
      } else if (fresh) {
        send_table();
      }
      if (channel_) hear();
    }
  }

  // Until something arrives, or a retry is due.
  void wait() {
    pollfd items[2] = {{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                       {.fd = channel_ ? channel_->fd() : -1, .events = POLLIN, .revents = 0}};
    int timeout = -1;
    if (table_ && !channel_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(retry_at_ - Clock::now()).count();
      timeout = static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000));
    }
    if (::poll(items, 2, timeout) <= 0) return;
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
  }

  // To the forwarder that runs, if it is of this build; otherwise to one started now, which takes over from it.
  void connect() {
    Result<Channel> channel = connect_channel(options_.directory, std::string(kForwardSocket));
    if (!channel && table_->routes.empty()) {
      deliver_(Published{table_->version, {}});  // nothing to forward, and nobody who does
      table_.reset();
      return;
    }
    if (channel && !same_build(*channel)) channel = unavailable("no_forwarder", "of another build");
    if (!channel) {
      if (Result<void> started = start_process(options_); !started) return failed(started.error());
      channel = connect_channel(options_.directory, std::string(kForwardSocket));
      if (!channel) return failed(channel.error());
    }
    channel_ = std::move(*channel);
    connected_at_ = Clock::now();
    send_table();
  }

  bool same_build(Channel& channel) const {
    if (!channel.send_now({.kind = ForwardKind::kHello}, {}, kAnswerWait)) return false;
    const Result<ForwardMessage> hello = channel.await(kAnswerWait);
    return hello && hello->kind == ForwardKind::kHello && hello->build == options_.build;
  }

  void send_table() {
    ForwardMessage message{.kind = ForwardKind::kTable};
    message.table.version = table_->version;
    message.table.bind_address = options_.bind_address;
    for (const Route& route : table_->routes) {
      ForwardRoute& to = message.table.routes.emplace_back();
      to.key = route_key(route);
      to.host_port = route.publication.host_port.value_or(0);
      for (const Backend& backend : route.backends)
        to.backends.push_back(
            {backend.address, options_.backend_port ? options_.backend_port(backend.port) : backend.port});
    }
    if (!channel_->send_now(message, {}, kAnswerWait)) lost();
  }

  void hear() {
    const bool alive = channel_->fill();
    Result<ForwardMessage> message = ForwardMessage{};
    while (channel_ && channel_->next(message)) {
      if (!message) return lost();
      if (message->kind == ForwardKind::kState) tell(message->state);
    }
    if (!alive) lost();
  }

  void tell(const TableState& state) {
    if (state.version != table_->version) return;  // the answer to one before
    Published published{state.version, {}, {}};
    for (const ForwardBackend& backend : state.leaving) published.leaving.insert(backend.address);
    for (const Route& route : table_->routes) {
      const std::string key = route_key(route);
      const auto found = std::find_if(state.routes.begin(), state.routes.end(),
                                      [&](const RouteState& each) { return each.key == key; });
      ObservedPublication& to = published.publications.emplace_back(observed(route));
      if (found == state.routes.end()) continue;
      to.host_port = found->host_port;
      to.problem = found->problem;
    }
    deliver_(std::move(published));
  }

  void lost() {
    channel_.reset();
    if (Clock::now() - connected_at_ > kSteady) retry_after_ = Duration::zero();
    schedule_retry();
  }

  void failed(const Error& error) {
    Published published{table_->version, {}};
    for (const Route& route : table_->routes) {
      published.publications.push_back(observed(route));
      published.publications.back().problem = error.message;
    }
    deliver_(std::move(published));
    schedule_retry();
  }

  // The first one is at once.
  void schedule_retry() {
    retry_at_ = Clock::now() + retry_after_;
    retry_after_ = std::clamp(retry_after_ * 2, kFirstRetry, kLastRetry);
  }

  ObservedPublication observed(const Route& route) const {
    ObservedPublication publication;
    publication.app = route.app;
    publication.port_name = route.publication.port_name;
    publication.port = route.publication.port;
    publication.address = options_.bind_address;
    return publication;
  }

  const ForwarderOptions options_;
  const std::function<void(Event)> deliver_;
  const Fd wake_;

  std::mutex mutex_;  // what publish() and the thread share
  std::optional<Publish> next_;
  bool stop_ = false;

  // The thread's own.
  std::optional<Publish> table_;
  std::optional<Channel> channel_;
  Clock::time_point connected_at_{};
  Clock::time_point retry_at_{};
  Duration retry_after_{};

  std::thread thread_;
};

Forwarder::Forwarder(ForwarderOptions options, std::function<void(Event)> deliver)
    : state_(std::make_unique<State>(std::move(options), std::move(deliver))) {}
Forwarder::~Forwarder() = default;

void Forwarder::publish(Publish table) {
  state_->publish(std::move(table));
}

}  // namespace unik::agent
