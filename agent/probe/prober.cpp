#include "agent/probe/prober.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/forward/socket.hpp"
#include "agent/forward/thread.hpp"
#include "wire/clock.hpp"

namespace unik::agent {
namespace {

constexpr std::size_t kStatusBytes = 12;       // `HTTP/1.1 200`
constexpr std::size_t kDrainBytes = 64 << 10;  // read after the status, so that the app sees no reset; then closed
constexpr int kEventsPerWait = 256;
constexpr Duration kAskAgain = std::chrono::milliseconds(50);  // whether the guest has taken a connection up

// 0 for what is no HTTP/1 status line.
int parse_status(std::string_view text) {
  int status = 0;
  if (text.size() < kStatusBytes || !text.starts_with("HTTP/1.") || text[8] != ' ') return 0;
  const auto [end, problem] = std::from_chars(text.data() + 9, text.data() + kStatusBytes, status);
  return problem == std::errc() && end == text.data() + kStatusBytes ? status : 0;
}

struct Arrived {
  std::vector<ProbeHealth> probes;
  std::vector<std::pair<std::uint64_t, std::optional<bool>>> answers;  // by the question's number
  bool stop = false;
};

// What other threads bring. An answer may come when the prober has gone.
class Mailbox {
 public:
  int fd() const { return wake_.get(); }

  template <typename Fn>
  void bring(Fn fn) {
    {
      const std::lock_guard lock(mutex_);
      fn(arrived_);
    }
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

  Arrived take() {
    std::uint64_t ignored = 0;
    (void)!::read(wake_.get(), &ignored, sizeof ignored);
    const std::lock_guard lock(mutex_);
    return std::exchange(arrived_, {});
  }

 private:
  const Fd wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::mutex mutex_;
  Arrived arrived_;
};

}  // namespace

class Prober::State {
 public:
  State(ProberOptions options, std::function<void(Event)> deliver)
      : options_(std::move(options)), deliver_(std::move(deliver)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, mailbox_->fd(), &event);
    thread_ = start_thread([this] { run(); });
  }

  ~State() {
    mailbox_->bring([](Arrived& arrived) { arrived.stop = true; });
    thread_.join();
  }

  void probe(ProbeHealth request) {
    mailbox_->bring([&](Arrived& arrived) { arrived.probes.push_back(std::move(request)); });
  }

 private:
  struct Check;
  using Deadlines = std::multimap<Time, Check*>;

  struct Check {
    enum class Stage : std::uint8_t { kConnecting, kSettling, kConfirming, kAsking, kDraining };

    ProbeHealth request;
    Fd fd;
    Stage stage = Stage::kConnecting;
    Time times_out{};
    std::string out;  // what is left to send
    std::string in;   // the beginning of the answer
    std::size_t drained = 0;
    std::uint64_t question = 0;  // to the guest's network, unanswered
    bool untold = false;         // nobody could answer the last one
    Deadlines::iterator deadline;
    std::list<std::unique_ptr<Check>>::iterator self;
    bool ended = false;
  };

  void run() {
    std::array<epoll_event, kEventsPerWait> events;
    while (true) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerWait, milliseconds_to_wait());
      const Time now = wire::read_clock().boot;
      for (int i = 0; i < count; ++i) {
        auto* const check = static_cast<Check*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (check == nullptr) {
          if (!take_arrived(now)) return;
        } else if (!check->ended) {
          go_on(*check, now);
        }
      }
      while (!deadlines_.empty() && deadlines_.begin()->first <= now) expire(*deadlines_.begin()->second);
      ended_.clear();
      while (!waiting_.empty() && checks_.size() < options_.at_once) {
        ProbeHealth request = std::move(waiting_.front());
        waiting_.pop_front();
        begin(std::move(request), now);
      }
      ended_.clear();
    }
  }

  int milliseconds_to_wait() const {
    if (deadlines_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadlines_.begin()->first - wire::read_clock().boot);
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
  }

  // False when the thread is to end.
  bool take_arrived(Time now) {
    Arrived arrived = mailbox_->take();
    if (arrived.stop) return false;
    for (const auto& [question, accepted] : arrived.answers) confirmed(question, accepted, now);
    for (ProbeHealth& request : arrived.probes) {
      if (waiting_.size() < kProbesWaiting)
        waiting_.push_back(std::move(request));
      else
        report(request, false, "not probed: more than " + std::to_string(kProbesWaiting) + " probes wait");
    }
    return true;
  }

  // `GET /healthz` or `port 5432`
  static std::string subject(const ProbeHealth& request) {
    return request.check.path ? "GET " + *request.check.path : "port " + std::to_string(request.check.port);
  }

  void report(const ProbeHealth& request, bool passed, const std::string& detail) {
    deliver_(ProbeDone{request.id, request.probe, passed, subject(request) + ' ' + detail});
  }

  void begin(ProbeHealth request, Time now) {
    const std::uint16_t guest_port = request.check.port;
    const std::uint16_t port = options_.backend_port ? options_.backend_port(guest_port) : guest_port;
    const std::optional<SocketAddress> address = parse_socket_address(request.address, port);
    if (!address) return report(request, false, "cannot be reached: `" + request.address + "` is no address");
    int error = 0;
    Fd fd = start_connect(*address, error);
    if (!fd) return report(request, false, "failed: " + describe_errno(error));

    checks_.push_front(std::make_unique<Check>());
    Check& check = *checks_.front();
    check.self = checks_.begin();
    check.fd = std::move(fd);
    check.times_out = now + request.check.timeout;
    check.deadline = deadlines_.emplace(check.times_out, &check);
    if (request.check.path)
      check.out = "GET " + *request.check.path + " HTTP/1.1\r\nHost: " + format_address(request.address, guest_port) +
                  "\r\nUser-Agent: unik-agent\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    check.request = std::move(request);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &check;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, check.fd.get(), &event) != 0)
      finish(check, false, "failed: " + describe_errno(errno));
  }

  void go_on(Check& check, Time now) {
    switch (check.stage) {
      case Check::Stage::kConnecting:
        return connected(check, now);
      case Check::Stage::kSettling:
      case Check::Stage::kConfirming:
        return settle(check);
      case Check::Stage::kAsking:
        return ask(check);
      case Check::Stage::kDraining:
        return drain(check);
    }
  }

  void connected(Check& check, Time now) {
    if (const int error = take_socket_error(check.fd.get()); error != 0)
      return finish(check, false, "failed: " + describe_errno(error));
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(check.fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return;  // not yet
    if (check.request.check.path) {
      check.stage = Check::Stage::kAsking;
      return ask(check);
    }
    check.stage = Check::Stage::kSettling;
    expire_at(check, now + std::min(options_.tcp_settle, check.request.check.timeout / 2));
    settle(check);
  }

  void settle(Check& check) {
    char byte = 0;
    const ssize_t got = ::recv(check.fd.get(), &byte, 1, MSG_PEEK);
    if (got > 0) return finish(check, true, "speaks");
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    finish(check, false, "was closed at once: nothing listens on it inside the guest, or it does not want us");
  }

  void confirm(Check& check) {
    check.stage = Check::Stage::kConfirming;
    check.question = ++last_question_;
    asked_[check.question] = &check;
    expire_at(check, check.times_out);
    options_.guest_accepts(
        check.request.id, check.request.check.port,
        [mailbox = mailbox_, question = check.question](std::optional<bool> accepted) {
          mailbox->bring([&](Arrived& arrived) { arrived.answers.emplace_back(question, accepted); });
        });
  }

  void confirmed(std::uint64_t question, std::optional<bool> accepted, Time now) {
    const auto found = asked_.find(question);
    if (found == asked_.end()) return;  // it was closed meanwhile
    Check& check = *found->second;
    asked_.erase(found);
    check.question = 0;
    if (accepted.value_or(false)) return finish(check, true, "accepts connections");
    check.untold = !accepted;
    expire_at(check, std::min(now + kAskAgain, check.times_out));
  }

  void ask(Check& check) {
    while (!check.out.empty()) {
      const ssize_t sent = ::send(check.fd.get(), check.out.data(), check.out.size(), MSG_NOSIGNAL);
      if (sent < 0) break;  // full, or broken: then reading says how
      check.out.erase(0, static_cast<std::size_t>(sent));
    }
    while (check.in.size() < kStatusBytes) {
      std::array<char, kStatusBytes> buffer;
      const ssize_t got = ::recv(check.fd.get(), buffer.data(), kStatusBytes - check.in.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got < 0) return finish(check, false, "failed: " + describe_errno(errno));
      if (got == 0) return finish(check, false, "was closed without an answer");
      check.in.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const int status = parse_status(check.in);
    if (status == 0) return finish(check, false, "answered something that is no HTTP/1");
    report(check.request, status >= 200 && status < 400, "answered " + std::to_string(status));
    check.stage = Check::Stage::kDraining;
    drain(check);
  }

  void drain(Check& check) {
    std::array<char, 8192> buffer;
    while (check.drained < kDrainBytes) {
      const ssize_t got = ::recv(check.fd.get(), buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) break;
      check.drained += static_cast<std::size_t>(got);
    }
    end(check);
  }

  void expire(Check& check) {
    const std::string within = " within " + format_duration(check.request.check.timeout);
    switch (check.stage) {
      case Check::Stage::kConnecting:
        return finish(check, false, "could not be connected to" + within);
      case Check::Stage::kSettling:
        return options_.guest_accepts ? confirm(check) : finish(check, true, "accepts connections");
      case Check::Stage::kConfirming:
        if (check.question == 0 && check.deadline->first < check.times_out) return confirm(check);
        // Who could tell is away: then it counts that the connection has stood all the time.
        if (check.untold) return finish(check, true, "accepts connections");
        return finish(check, false, "was not taken up by the guest" + within);
      case Check::Stage::kAsking:
        return finish(check, false, "was not answered" + within);
      case Check::Stage::kDraining:
        return end(check);
    }
  }

  void expire_at(Check& check, Time at) {
    deadlines_.erase(check.deadline);
    check.deadline = deadlines_.emplace(at, &check);
  }

  void finish(Check& check, bool passed, const std::string& detail) {
    report(check.request, passed, detail);
    end(check);
  }

  void end(Check& check) {
    deadlines_.erase(check.deadline);
    asked_.erase(check.question);
    check.fd.reset();
    check.ended = true;
    ended_.splice(ended_.end(), checks_, check.self);
  }

  const ProberOptions options_;
  const std::function<void(Event)> deliver_;
  const Fd epoll_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();  // what other threads and this one share

  // The thread's own.
  std::deque<ProbeHealth> waiting_;
  std::list<std::unique_ptr<Check>> checks_;
  std::list<std::unique_ptr<Check>> ended_;  // freed once no event can name them
  Deadlines deadlines_;
  std::map<std::uint64_t, Check*> asked_;  // by the number of the question that it waits for
  std::uint64_t last_question_ = 0;

  std::thread thread_;
};

Prober::Prober(ProberOptions options, std::function<void(Event)> deliver)
    : state_(std::make_unique<State>(std::move(options), std::move(deliver))) {}
Prober::~Prober() = default;

void Prober::probe(ProbeHealth request) {
  state_->probe(std::move(request));
}

}  // namespace unik::agent
