#include "agent/forward/relay.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>
#include <utility>

namespace unik::agent {
namespace {

constexpr Duration kSuspectFor = std::chrono::seconds(2);  // a backend that did not answer is tried last for so long
constexpr int kKeepaliveIdleSeconds = 300;                 // a client that vanished without a word is found out
constexpr Duration kLookEvery = std::chrono::milliseconds(50);  // at backends that left, while something is in flight

void set_client_options(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepaliveIdleSeconds, sizeof kKeepaliveIdleSeconds);
}

}  // namespace

// A backend, shared by the connections that it serves; it outlives its place in the table while they last.
struct Relay::Target {
  ForwardBackend backend;
  SocketAddress address;
  std::size_t active = 0;
  Time suspect_until{};
};

struct Relay::RouteEntry {
  std::vector<std::shared_ptr<Target>> targets;
  std::size_t next = 0;  // where the turn stands among equally busy targets
  bool gone = false;
};

struct Relay::Side final : Watched {
  Side(Relay& r, Connection& c, bool is_client) : relay(r), connection(c), client(is_client) {}
  void ready(std::uint32_t events, Time now) override {
    if (client)
      relay.client_ready(connection, events, now);
    else
      relay.server_ready(connection, now);
  }

  Relay& relay;
  Connection& connection;
  const bool client;
  Fd fd;
};

struct Relay::Connection {
  enum class Stage : std::uint8_t { kParked, kConnecting, kOpen, kClosed };

  explicit Connection(Relay& relay) : client(relay, *this, true), server(relay, *this, false) {}

  std::string key;
  std::shared_ptr<RouteEntry> route;
  std::shared_ptr<Target> target;
  std::vector<const Target*> tried;  // in this round
  Side client;
  Side server;
  Direction up;    // client to server
  Direction down;  // server to client
  Stage stage = Stage::kParked;
  Time give_up{};        // without a backend by then it is closed
  Time attempt_until{};  // of the connect under way
  Time moved_at{};       // when it was opened, or bytes last went either way
  bool asked = false;    // the last bytes were the client's
  Queue* queue = nullptr;
  Queue::iterator place;
  std::list<std::unique_ptr<Connection>>::iterator self;
};

Relay::Relay(int epoll, ForwardLimits limits) : epoll_(epoll), limits_(limits) {}
Relay::~Relay() = default;

void Relay::set_routes(const std::vector<ForwardRoute>& routes, Time now) {
  std::map<std::string, std::shared_ptr<RouteEntry>> before = std::exchange(routes_, {});
  for (const ForwardRoute& route : routes) {
    std::shared_ptr<RouteEntry>& entry = routes_[route.key];
    if (const auto found = before.find(route.key); found != before.end()) entry = found->second;
    if (!entry) entry = std::make_shared<RouteEntry>();
    std::vector<std::shared_ptr<Target>> targets;
    for (const ForwardBackend& backend : route.backends) {
      const auto same = std::find_if(entry->targets.begin(), entry->targets.end(),
                                     [&](const auto& target) { return target->backend == backend; });
      if (same != entry->targets.end()) {
        targets.push_back(*same);
        targets.back()->suspect_until = {};  // the agent says that it is healthy
      } else if (const auto address = parse_socket_address(backend.address, backend.port)) {
        targets.push_back(std::make_shared<Target>(Target{backend, *address, 0, {}}));
      }
    }
    for (const std::shared_ptr<Target>& target : entry->targets)
      if (std::find(targets.begin(), targets.end(), target) == targets.end()) left_.push_back(target);
    entry->targets = std::move(targets);
  }
  for (const auto& [key, entry] : before) {
    if (routes_.contains(key)) continue;
    entry->gone = true;
    left_.insert(left_.end(), entry->targets.begin(), entry->targets.end());
    entry->targets.clear();
  }
  look_at_leaving(now);
  if (!parked_.empty()) retry_at_ = now;
}

bool Relay::is_in_flight(const Connection& connection, Time now) {
  if (connection.stage == Connection::Stage::kConnecting) return true;
  return connection.asked || connection.up.holds() || connection.down.holds() || now < connection.moved_at + kQuiet;
}

// Two backends of one address and port are one program, by whichever route they are reached.
void Relay::look_at_leaving(Time now) {
  std::set<const Target*> busy;
  if (!left_.empty())
    for (const auto& connection : connections_)
      if (connection->target && is_in_flight(*connection, now)) busy.insert(connection->target.get());
  std::erase_if(left_, [&](const std::shared_ptr<Target>& target) { return !busy.contains(target.get()); });
  leaving_.clear();
  for (const std::shared_ptr<Target>& target : left_) leaving_.push_back(target->backend);
  std::ranges::sort(leaving_);
  leaving_.erase(std::unique(leaving_.begin(), leaving_.end()), leaving_.end());
  look_at_ = now + kLookEvery;
}

void Relay::add(const std::string& key, Fd client, Time now) {
  const auto found = routes_.find(key);
  if (found == routes_.end()) return;
  set_client_options(client.get());
  connections_.push_front(std::make_unique<Connection>(*this));
  Connection& connection = *connections_.front();
  connection.self = connections_.begin();
  ++size_;
  connection.key = key;
  connection.route = found->second;
  connection.client.fd = std::move(client);
  connection.give_up = now + limits_.no_backend_wait;
  if (!watch(connection.client)) return close(connection, false);
  seek(connection, now);
}

// Fewest open connections win; in turn among equals; one that has just failed comes last.
Relay::Target* Relay::choose(const Connection& connection, Time now) const {
  const std::vector<std::shared_ptr<Target>>& targets = connection.route->targets;
  Target* best = nullptr;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    Target* const target = targets[(connection.route->next + i) % targets.size()].get();
    if (std::find(connection.tried.begin(), connection.tried.end(), target) != connection.tried.end()) continue;
    const auto rank = [&](const Target& t) { return std::pair(t.suspect_until > now, t.active); };
    if (best == nullptr || rank(*target) < rank(*best)) best = target;
  }
  return best;
}

// Begins to connect to the best backend that was not tried yet, or parks.
void Relay::seek(Connection& connection, Time now) {
  RouteEntry& route = *connection.route;
  while (Target* const target = choose(connection, now)) {
    const auto owned = std::find_if(route.targets.begin(), route.targets.end(),
                                    [&](const auto& each) { return each.get() == target; });
    route.next = static_cast<std::size_t>(owned - route.targets.begin() + 1) % route.targets.size();
    connection.tried.push_back(target);
    int error = 0;
    connection.server.fd = start_connect(target->address, error);
    if (connection.server.fd && watch(connection.server)) {
      connection.target = *owned;
      ++target->active;
      connection.stage = Connection::Stage::kConnecting;
      connection.attempt_until = now + limits_.connect_timeout;
      return enter_queue(connection, connecting_);
    }
    connection.server.fd.reset();
    target->suspect_until = now + kSuspectFor;
  }
  park(connection, now);
}

void Relay::park(Connection& connection, Time now) {
  connection.stage = Connection::Stage::kParked;
  connection.tried.clear();
  if (connection.route->gone || connection.give_up <= now) return close(connection, false);
  enter_queue(connection, parked_);
  // One that has come back from an attempt gives up before those that came later.
  while (connection.place != parked_.begin() && (*std::prev(connection.place))->give_up > connection.give_up)
    parked_.splice(std::prev(connection.place), parked_, connection.place);
  if (!connection.route->targets.empty() && !retry_at_) retry_at_ = now + limits_.retry_backends;
}

void Relay::attempt_failed(Connection& connection, Time now) {
  leave_queue(connection);
  connection.target->suspect_until = now + kSuspectFor;
  --connection.target->active;
  connection.target.reset();
  connection.server.fd.reset();
  seek(connection, now);
}

void Relay::client_ready(Connection& connection, std::uint32_t events, Time now) {
  switch (connection.stage) {
    case Connection::Stage::kOpen:
      return pump(connection, now);
    case Connection::Stage::kParked:
    case Connection::Stage::kConnecting:
      // Bytes and a half-close wait in the socket; a client that is gone altogether waits for nothing.
      if ((events & (EPOLLERR | EPOLLHUP)) != 0) close(connection, false);
      return;
    case Connection::Stage::kClosed:
      return;
  }
}

void Relay::server_ready(Connection& connection, Time now) {
  if (connection.stage == Connection::Stage::kOpen) return pump(connection, now);
  if (connection.stage != Connection::Stage::kConnecting) return;
  if (take_socket_error(connection.server.fd.get()) != 0) return attempt_failed(connection, now);
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(connection.server.fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return;  // not yet
  leave_queue(connection);
  connection.stage = Connection::Stage::kOpen;
  connection.moved_at = now;
  connection.target->suspect_until = {};
  pump(connection, now);
}

void Relay::pump(Connection& connection, Time now) {
  leave_queue(connection);
  const int client = connection.client.fd.get();
  const int server = connection.server.fd.get();
  const std::uint64_t asked = connection.up.bytes();
  const std::uint64_t answered = connection.down.bytes();
  Flow up = connection.up.run(client, server, pool_);
  const Flow down = connection.down.run(server, client, pool_);
  // A client that takes no more may be gone; reading it says so, and hears out what it had sent.
  if (down == Flow::kRefused) up = connection.up.run(client, server, pool_);
  if (connection.up.bytes() != asked || connection.down.bytes() != answered) {
    connection.asked = connection.down.bytes() == answered;
    connection.moved_at = now;
  }
  const bool untouched = connection.up.bytes() == 0 && connection.down.bytes() == 0;
  if (down == Flow::kReadFailed && up == Flow::kBlocked && untouched) return attempt_failed(connection, now);
  if (up == Flow::kReadFailed || down == Flow::kReadFailed) return close(connection, true);
  if (connection.up.finished() && connection.down.finished()) return close(connection, false);
  if (up == Flow::kMore || down == Flow::kMore) enter_queue(connection, turn_used_);
}

void Relay::run(Time now) {
  Queue again = std::exchange(turn_used_, {});
  for (Connection* connection : again) connection->queue = nullptr;
  for (Connection* connection : again) pump(*connection, now);

  while (!connecting_.empty() && connecting_.front()->attempt_until <= now) attempt_failed(*connecting_.front(), now);
  if (retry_at_ && *retry_at_ <= now) {
    retry_at_.reset();
    Queue parked = std::exchange(parked_, {});
    for (Connection* connection : parked) connection->queue = nullptr;
    for (Connection* connection : parked) seek(*connection, now);
  }
  while (!parked_.empty() && parked_.front()->give_up <= now) close(*parked_.front(), false);
  if (!left_.empty() && look_at_ <= now) look_at_leaving(now);
  closed_.clear();
}

std::optional<Time> Relay::wake_at(Time now) const {
  if (!turn_used_.empty()) return now;
  std::optional<Time> at = retry_at_;
  const auto consider = [&](Time time) { at = at ? std::min(*at, time) : time; };
  if (!connecting_.empty()) consider(connecting_.front()->attempt_until);
  if (!parked_.empty()) consider(parked_.front()->give_up);
  if (!left_.empty()) consider(look_at_);
  return at;
}

std::vector<Relay::Waiting> Relay::offer_waiting() {
  std::vector<Waiting> list;
  while (!parked_.empty()) {
    Connection& connection = *parked_.front();
    enter_queue(connection, offered_);
    list.push_back({connection.key, connection.client.fd.get()});
  }
  return list;
}

void Relay::offer_taken() {
  while (!offered_.empty()) close(*offered_.front(), false);
}

void Relay::offer_failed(Time now) {
  while (!offered_.empty()) park(*offered_.front(), now);
}

void Relay::leave_queue(Connection& connection) {
  if (connection.queue == nullptr) return;
  connection.queue->erase(connection.place);
  connection.queue = nullptr;
}

void Relay::enter_queue(Connection& connection, Queue& queue) {
  leave_queue(connection);
  connection.place = queue.insert(queue.end(), &connection);
  connection.queue = &queue;
}

bool Relay::watch(Side& side) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = static_cast<Watched*>(&side);
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, side.fd.get(), &event) == 0;
}

void Relay::close(Connection& connection, bool reset) {
  leave_queue(connection);
  for (Side* side : {&connection.client, &connection.server}) {
    if (!side->fd) continue;
    if (reset) reset_on_close(side->fd.get());
    // A successor may hold the same socket, so that closing it here would not end its watch.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, side->fd.get(), nullptr);
    side->fd.reset();
  }
  if (connection.target) --connection.target->active;
  connection.target.reset();
  connection.stage = Connection::Stage::kClosed;
  --size_;
  closed_.splice(closed_.begin(), connections_, connection.self);
}

}  // namespace unik::agent
