#include "agent/forward/server.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "agent/forward/socket.hpp"
#include "wire/clock.hpp"

namespace unik::agent {
namespace {

constexpr int kSocketEventsPerWait = 256;
constexpr int kAcceptsPerEvent = 64;
constexpr Duration kAcceptAgain = std::chrono::milliseconds(100);  // after the kernel had no descriptor or memory
constexpr std::size_t kDescriptorsPerConnection = 6;               // two sockets, and a pipe each way at worst
constexpr std::size_t kDescriptorsBeside = 2'048;                  // listeners, pipes in reserve, the rest

// As many connections as asked for, or as many as this process may have descriptors for.
ForwardLimits within_descriptors(ForwardLimits limits) {
  rlimit allowed{};
  if (::getrlimit(RLIMIT_NOFILE, &allowed) != 0) return limits;
  const rlim_t wanted = limits.connections * kDescriptorsPerConnection + kDescriptorsBeside;
  if (allowed.rlim_cur < wanted) {
    const rlimit more{wanted, std::max(allowed.rlim_max, wanted)};
    const rlimit most{std::min(allowed.rlim_max, wanted), allowed.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &more) == 0)
      allowed.rlim_cur = wanted;
    else if (::setrlimit(RLIMIT_NOFILE, &most) == 0)
      allowed.rlim_cur = most.rlim_cur;
  }
  const rlim_t beside = std::min<rlim_t>(kDescriptorsBeside, allowed.rlim_cur / 2);
  limits.connections =
      std::min<std::size_t>(limits.connections, (allowed.rlim_cur - beside) / kDescriptorsPerConnection);
  return limits;
}

Time read_time() {
  return wire::read_clock().boot;
}

bool may_talk(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

bool watch(int epoll, int fd, Watched* watched, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watched;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

ForwardServer::ForwardServer(ForwardOptions options)
    : options_(std::move(options)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      relay_(epoll_.get(), within_descriptors(options_.limits)),
      listeners_(options_.limits.backlog) {}

ForwardServer::~ForwardServer() = default;

Result<void> ForwardServer::start() {
  if (!epoll_) return internal("no_epoll", "epoll: " + describe_errno(errno));
  if (Result<Channel> running = connect_channel(options_.directory, std::string(kForwardSocket)))
    return take_over(std::move(*running), read_time());
  restore(read_time());
  return listen();
}

Result<void> ForwardServer::listen() {
  Result<Fd> socket = listen_channel(options_.directory, std::string(kForwardSocket));
  if (!socket) return std::move(socket).error();
  control_ = std::make_unique<Control>(*this, std::move(*socket));
  if (!watch(epoll_.get(), control_->fd.get(), control_.get(), EPOLLIN))
    return internal("no_epoll", "epoll: " + describe_errno(errno));
  return {};
}

void ForwardServer::serve() {
  std::array<epoll_event, kSocketEventsPerWait> events;
  while (!nothing_left()) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), kSocketEventsPerWait, milliseconds_to_wait(read_time()));
    const Time now = read_time();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      static_cast<Watched*>(event.data.ptr)->ready(event.events, now);
    }
    relay_.run(now);
    if (state_.leaving != relay_.leaving()) {
      state_.leaving = relay_.leaving();
      tell_state(now);
    }
    if (listen_again_at_ && *listen_again_at_ <= now && try_listeners(now)) keep_table();
    if (accept_again_at_ && *accept_again_at_ <= now) accept_again_at_.reset();
    watch_acceptors();
    old_acceptors_.clear();
    old_peers_.clear();
  }
}

bool ForwardServer::nothing_left() const {
  if (relay_.size() > 0) return false;
  return retired_ || (had_peer_ && peers_.empty() && table_.routes.empty());
}

int ForwardServer::milliseconds_to_wait(Time now) const {
  std::optional<Time> at = relay_.wake_at(now);
  for (const std::optional<Time>& other : {listen_again_at_, accept_again_at_})
    if (other && (!at || *other < *at)) at = other;
  if (!at) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*at - now).count();
  return static_cast<int>(std::clamp<decltype(wait)>(wait, 0, std::numeric_limits<int>::max()));
}

// ---- Published ports ------------------------------------------------------------------------------------------------

void ForwardServer::apply(const ForwardTable& table, Time now) {
  table_ = table;
  relay_.set_routes(table_.routes, now);
  try_listeners(now);
  keep_table();
}

bool ForwardServer::try_listeners(Time now) {
  unwatch_acceptors();
  const TableState before = std::exchange(state_, listeners_.apply(table_));
  state_.leaving = relay_.leaving();
  watch_acceptors();
  const bool problems =
      std::any_of(state_.routes.begin(), state_.routes.end(), [](const auto& r) { return !r.problem.empty(); });
  listen_again_at_ = problems ? std::optional(now + options_.limits.retry_listen) : std::nullopt;
  if (before == state_) return false;
  tell_state(now);
  return true;
}

void ForwardServer::tell_state(Time now) {
  ForwardMessage message{.kind = ForwardKind::kState};
  message.state = state_;
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    Peer& each = **peer++;
    if (each.sent_table && !each.channel.send(message)) drop(each, now);
  }
}

// Ports are listened on while there is room for a connection; otherwise the kernel's queue holds the clients back.
void ForwardServer::watch_acceptors() {
  const bool wanted = !retired_ && successor_ == nullptr && !relay_.full() && !accept_again_at_;
  if (!wanted) return unwatch_acceptors();
  if (!acceptors_.empty()) return;
  for (const auto& [key, listener] : listeners_.all()) {
    auto acceptor = std::make_unique<Acceptor>(*this, key, listener.fd.get());
    if (watch(epoll_.get(), acceptor->fd, acceptor.get(), EPOLLIN)) acceptors_.push_back(std::move(acceptor));
  }
}

void ForwardServer::unwatch_acceptors() {
  for (std::unique_ptr<Acceptor>& acceptor : acceptors_) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, acceptor->fd, nullptr);
    acceptor->closed = true;
    old_acceptors_.push_back(std::move(acceptor));
  }
  acceptors_.clear();
}

void ForwardServer::accept_clients(Acceptor& acceptor, Time now) {
  for (int i = 0; i < kAcceptsPerEvent && !relay_.full(); ++i) {
    Fd client(::accept4(acceptor.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) {
      relay_.add(acceptor.key, std::move(client), now);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      accept_again_at_ = now + kAcceptAgain;
      return;
    }
  }
}

// ---- The agent's socket ---------------------------------------------------------------------------------------------

void ForwardServer::accept_peers() {
  Fd fd(::accept4(control_->fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd || peers_.size() >= kForwardChannels || !may_talk(fd.get())) return;
  had_peer_ = true;
  peers_.push_back(std::make_unique<Peer>(*this, std::move(fd)));
  Peer& peer = *peers_.back();
  if (!watch(epoll_.get(), peer.channel.fd(), &peer, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) peers_.pop_back();
}

void ForwardServer::peer_ready(Peer& peer, std::uint32_t, Time now) {
  bool alive = peer.channel.flush() && peer.channel.fill();
  Result<ForwardMessage> message = ForwardMessage{};
  while (!peer.dropped && peer.channel.next(message))
    if (!message || !answer(peer, *message, now)) alive = false;
  if (!alive) drop(peer, now);
}

bool ForwardServer::answer(Peer& peer, const ForwardMessage& message, Time now) {
  ForwardMessage reply;
  switch (message.kind) {
    case ForwardKind::kHello:
      reply.build = options_.build;
      return peer.channel.send(reply);
    case ForwardKind::kTable:
      if (retired_ || successor_ != nullptr) return false;
      peer.sent_table = false;  // the answer itself is below, whether or not anything changed
      apply(message.table, now);
      peer.sent_table = true;
      reply.kind = ForwardKind::kState;
      reply.state = state_;
      return peer.channel.send(reply);
    case ForwardKind::kHandover:
      hand_over(peer, now);
      return true;
    case ForwardKind::kTaken:
      if (successor_ != &peer) return false;
      handover_taken(now);
      return true;
    case ForwardKind::kState:
    case ForwardKind::kListeners:
      return false;
  }
  return false;
}

void ForwardServer::drop(Peer& peer, Time now) {
  if (peer.dropped) return;
  peer.dropped = true;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, peer.channel.fd(), nullptr);
  const auto place = std::find_if(peers_.begin(), peers_.end(), [&](const auto& each) { return each.get() == &peer; });
  old_peers_.splice(old_peers_.end(), peers_, place);
  if (successor_ == &peer) handover_failed(now);
}

}  // namespace unik::agent
