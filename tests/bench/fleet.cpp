#include "fleet.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "api/check.hpp"
#include "codec/json.hpp"
#include "paired.hpp"

namespace unik::bench {
namespace {

constexpr int kEventsPerWait = 256;
constexpr double kStalled = 60;  // seconds without an answer
constexpr std::size_t kInFlight = 256;
constexpr std::size_t kLateNews = 4;  // of each node, goals and bodies
constexpr std::size_t kShown = 200;   // bytes of an unexpected answer
constexpr std::size_t kReadBytes = 64 << 10;
constexpr Resources kCapacity{MilliCpu{1'000'000}, mebibytes(1 << 20)};

struct Node {
  Report report;
  bool whole_next = true;
  bool parked = false;  // its newest heartbeat has no answer yet
};

struct Connection {
  int fd = -1;
  std::string in;
  std::string out;  // what the socket would not take
  std::size_t node = 0;
  std::uint64_t seq = 0;  // of the heartbeat on its way; 0: another request, or none
  bool asked = false;     // a request of it has no answer yet
  bool writing = false;   // watched for room
};

Error lost(const std::string& what) {
  return unavailable("connection_lost", what + ": " + std::strerror(errno));
}

std::string request_text(std::string_view method, std::string_view target, std::string_view body) {
  std::string text;
  text.reserve(160 + body.size());
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (method == "POST")
    text.append("Content-Type: application/json\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n");
  text.append("\r\n").append(body);
  return text;
}

struct Response {
  int status = 0;
  std::string_view body;
  std::size_t bytes = 0;  // with its head
};

// The response at the beginning of `in` if it is there whole. Our server always gives a length.
std::optional<Response> response_in(std::string_view in) {
  const std::size_t end = in.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t at = in.find(kLength);
  std::size_t length = 0;
  if (at < end) std::from_chars(in.data() + at + kLength.size(), in.data() + end, length);
  if (in.size() < end + 4 + length) return std::nullopt;
  Response response;
  std::from_chars(in.data() + std::strlen("HTTP/1.1 "), in.data() + end, response.status);
  response.body = in.substr(end + 4, length);
  response.bytes = end + 4 + length;
  return response;
}

InstanceStatus running_at(std::size_t node) {
  InstanceStatus status;
  status.phase = Phase::kRunning;
  status.address = "127." + std::to_string(1 + node / 65'536) + "." + std::to_string(node / 256 % 256) + "." +
                   std::to_string(node % 256);
  status.accelerator = Symbol("kvm");
  status.started_at = WallTime(std::chrono::hours(500'000));
  status.boot.total = std::chrono::milliseconds(40);
  return status;
}

}  // namespace

struct Fleet::Impl {
  explicit Impl(const wire::Endpoint& endpoint) : endpoint(endpoint), epoll(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~Impl() {
    for (const auto& connection : connections) ::close(connection->fd);
    ::close(epoll);
  }

  Result<Connection*> free_connection() {
    if (free.empty()) return open_connection();
    Connection* const connection = free.back();
    free.pop_back();
    return connection;
  }

  Result<Connection*> open_connection() {
    auto connection = std::make_unique<Connection>();
    connection->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    if (connection->fd < 0 ||
        ::connect(connection->fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return lost("cannot connect");
    ::setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    watch(*connection, EPOLL_CTL_ADD, EPOLLIN);
    connections.push_back(std::move(connection));
    return connections.back().get();
  }

  void watch(Connection& connection, int operation, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &connection;
    UNIK_CHECK(::epoll_ctl(epoll, operation, connection.fd, &event) == 0, "epoll refused a socket of ours");
  }

  Result<void> send(std::string text, std::size_t node, std::uint64_t seq) {
    const Result<Connection*> connection = free_connection();
    if (!connection) return connection.error();
    (*connection)->node = node;
    (*connection)->seq = seq;
    return send_on(**connection, std::move(text));
  }

  Result<void> send_on(Connection& connection, std::string text) {
    connection.asked = true;
    connection.out = std::move(text);
    ++in_flight;
    return write(connection);
  }

  Result<void> write(Connection& connection) {
    const ssize_t sent = ::send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return lost("cannot send");
    if (sent > 0) connection.out.erase(0, static_cast<std::size_t>(sent));
    const bool writing = !connection.out.empty();
    if (writing != connection.writing) watch(connection, EPOLL_CTL_MOD, writing ? EPOLLIN | EPOLLOUT : EPOLLIN);
    connection.writing = writing;
    return {};
  }

  // Waits until `deadline` at most for what comes, and hands each answer to `on_answer`.
  using OnAnswer = std::function<Result<void>(Connection&, const Response&)>;
  Result<void> turn(double wait_s, const OnAnswer& on_answer) {
    std::array<epoll_event, kEventsPerWait> events{};
    const int count = ::epoll_wait(epoll, events.data(), kEventsPerWait, static_cast<int>(wait_s * 1e3));
    if (count > 0) last_heard = wall_seconds();
    if (wall_seconds() - last_heard > kStalled && in_flight > 0)
      return timed_out("stalled", std::to_string(in_flight) + " requests have no answer");
    for (int i = 0; i < count; ++i) {
      Connection& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0)
        if (Result<void> written = write(connection); !written) return written;
      if (Result<void> read = receive(connection, on_answer); !read) return read;
    }
    return {};
  }

  Result<void> receive(Connection& connection, const OnAnswer& on_answer) {
    const ssize_t got = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return {};
    if (got <= 0 && !connection.asked) return drop(connection);
    if (got <= 0) return lost("the controller closed a connection that waits for an answer");
    std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    if (!connection.in.empty()) text = connection.in.append(text);
    const std::optional<Response> response = response_in(text);
    if (!response) {
      if (connection.in.empty()) connection.in = text;
      return {};
    }
    if (response->status != 200)
      return internal("bad_answer", "status " + std::to_string(response->status) + ": " + std::string(response->body));
    --in_flight;
    connection.asked = false;
    free.push_back(&connection);
    Result<void> handled = on_answer(connection, *response);
    connection.in.clear();
    return handled;
  }

  // The controller closes what has been idle for a minute: those that only the many answers of a rollout needed.
  Result<void> drop(Connection& connection) {
    ::close(connection.fd);
    std::erase(free, &connection);
    std::erase_if(connections, [&](const auto& each) { return each.get() == &connection; });
    return {};
  }

  Result<void> heartbeat(std::size_t index, bool whole) {
    Node& node = nodes[index];
    ++node.report.seq;
    node.parked = true;
    std::string body;
    if (whole || std::exchange(node.whole_next, false)) {
      body = codec::to_json(node.report);
    } else {
      // Without its body; it is put aside and not copied.
      std::optional<ReportBody> aside;
      std::swap(aside, node.report.body);
      body = codec::to_json(node.report);
      std::swap(aside, node.report.body);
    }
    return send(request_text("POST", "/v1/nodes/heartbeat", body), index, node.report.seq);
  }

  // Does what an agent would with the answer; whether it has to say something new.
  Result<bool> take(const Connection& connection, const Response& response) {
    Node& node = nodes[connection.node];
    if (connection.seq == node.report.seq) node.parked = false;
    if (response.body.find("\"goals\"") == std::string_view::npos &&
        response.body.find("\"want_body\":true") == std::string_view::npos)
      return false;
    Result<HeartbeatReply> reply = codec::from_json<HeartbeatReply>(response.body);
    if (!reply) return reply.error();
    if (reply->want_body) node.whole_next = true;
    if (reply->goals) accept(connection.node, *reply->goals);
    return reply->want_body || reply->goals.has_value();
  }

  void accept(std::size_t index, const Goals& goals) {
    Node& node = nodes[index];
    if (covers(node.report.accepted_stamp, goals.stamp)) return;
    node.report.accepted_stamp = goals.stamp;
    running -= node.report.body->instances.size();
    node.report.body->instances.clear();
    for (const Action& action : goals.actions)
      if (const auto* const run = std::get_if<EnsureRunning>(&action))
        node.report.body->instances.push_back({run->id, running_at(index)});
    running += node.report.body->instances.size();
    node.report.digest = codec::digest_of(*node.report.body);
    node.whole_next = true;
  }

  const wire::Endpoint endpoint;
  const int epoll;
  std::vector<std::unique_ptr<Connection>> connections;
  std::vector<Connection*> free;
  std::vector<Node> nodes;
  std::size_t in_flight = 0;
  std::size_t running = 0;  // instances, over all nodes
  std::size_t next_node = 0;
  double last_heard = wall_seconds();
  std::array<char, kReadBytes> buffer{};
};

Result<Fleet> Fleet::start(const wire::Endpoint& endpoint, std::size_t nodes) {
  auto impl = std::make_unique<Impl>(endpoint);
  impl->nodes.resize(nodes);
  std::size_t answered = 0;
  for (std::size_t sent = 0; answered < nodes;) {
    while (sent < nodes && impl->in_flight < kInFlight) {
      Report& report = impl->nodes[sent].report;
      report.node = "node-" + std::to_string(sent);
      report.boot_id = "boot-" + std::to_string(sent);
      report.agent_start = 1;
      report.body.emplace();
      report.digest = codec::digest_of(*report.body);
      RegisterRequest request;
      request.node = report.node;
      request.agent_id = "a1";
      request.agent_start = report.agent_start;
      request.info.capacity = kCapacity;
      request.info.platform = "linux/amd64";
      request.info.accelerator = "kvm";
      request.info.boot_id = report.boot_id;
      request.info.overhead = mebibytes(20);
      if (Result<void> out = impl->send(request_text("POST", "/v1/nodes/register", codec::to_json(request)), sent, 0);
          !out)
        return out.error();
      ++sent;
    }
    if (Result<void> turned = impl->turn(1,
                                         [&](Connection&, const Response&) -> Result<void> {
                                           ++answered;
                                           return {};
                                         });
        !turned)
      return turned.error();
  }
  return Fleet(std::move(impl));
}

Fleet::Fleet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Fleet::Fleet(Fleet&&) noexcept = default;
Fleet::~Fleet() = default;

Result<void> Fleet::connect(std::size_t count) {
  std::size_t sent = 0;
  std::size_t answered = 0;
  const auto on_answer = [&](Connection&, const Response&) -> Result<void> {
    ++answered;
    return {};
  };
  while (answered < count) {
    for (; sent < count && sent - answered < kInFlight; ++sent) {
      const Result<Connection*> connection = impl_->open_connection();
      if (!connection) return connection.error();
      if (Result<void> out = impl_->send_on(**connection, request_text("GET", "/healthz", {})); !out) return out;
    }
    if (Result<void> turned = impl_->turn(1, on_answer); !turned) return turned;
  }
  return {};
}

Result<void> Fleet::settle(std::size_t instances) {
  std::deque<std::size_t> due;
  // One that is parked would be overtaken by the next: its answer comes by itself when there is something to say.
  for (std::size_t i = 0; i < impl_->nodes.size(); ++i)
    if (!impl_->nodes[i].parked) due.push_back(i);
  const auto settled = [&] {
    return due.empty() && impl_->running >= instances &&
           std::all_of(impl_->nodes.begin(), impl_->nodes.end(), [](const Node& node) { return node.parked; });
  };
  const auto on_answer = [&](Connection& connection, const Response& response) -> Result<void> {
    const Result<bool> news = impl_->take(connection, response);
    if (!news) return news.error();
    if (*news || !impl_->nodes[connection.node].parked) due.push_back(connection.node);
    return {};
  };
  while (!settled()) {
    for (; !due.empty(); due.pop_front())
      if (Result<void> sent = impl_->heartbeat(due.front(), false); !sent) return sent;
    if (Result<void> turned = impl_->turn(1, on_answer); !turned) return turned;
  }
  return {};
}

Result<void> Fleet::beat(std::size_t count, bool whole) {
  std::size_t sent = 0;
  std::size_t answered = 0;
  std::size_t late = 0;
  const auto on_answer = [&](Connection& connection, const Response& response) -> Result<void> {
    const Result<bool> news = impl_->take(connection, response);
    if (!news) return news.error();
    if (!*news) {
      ++answered;
      return {};
    }
    // The end of a rollout, which no node sees, may still bring each its goals once more. It does not count.
    if (++late > kLateNews * impl_->nodes.size())
      return internal(
          "news", "heartbeats that say nothing new are answered with " + std::string(response.body.substr(0, kShown)));
    --sent;
    return {};
  };
  while (answered < count) {
    for (; sent < count && sent - answered < kInFlight; ++sent) {
      if (Result<void> out = impl_->heartbeat(impl_->next_node, whole); !out) return out;
      impl_->next_node = (impl_->next_node + 1) % impl_->nodes.size();
    }
    if (Result<void> turned = impl_->turn(1, on_answer); !turned) return turned;
  }
  return {};
}

Result<void> Fleet::ping(std::size_t count) {
  std::size_t sent = 0;
  std::size_t answered = 0;
  const auto on_answer = [&](Connection&, const Response&) -> Result<void> {
    ++answered;
    return {};
  };
  while (answered < count) {
    for (; sent < count && sent - answered < kInFlight; ++sent)
      if (Result<void> out = impl_->send(request_text("GET", "/healthz", {}), 0, 0); !out) return out;
    if (Result<void> turned = impl_->turn(1, on_answer); !turned) return turned;
  }
  return {};
}

Result<std::size_t> Fleet::rest(double seconds, double every_s) {
  const double begun = wall_seconds();
  const double rate = static_cast<double>(impl_->nodes.size()) / every_s;
  std::size_t sent = 0;
  const auto on_answer = [&](Connection& connection, const Response& response) -> Result<void> {
    const Result<bool> news = impl_->take(connection, response);
    return news ? Result<void>() : Result<void>(news.error());
  };
  for (double past = 0; past < seconds; past = wall_seconds() - begun) {
    for (; static_cast<double>(sent) < past * rate; ++sent) {
      if (Result<void> out = impl_->heartbeat(impl_->next_node, false); !out) return out.error();
      impl_->next_node = (impl_->next_node + 1) % impl_->nodes.size();
    }
    if (Result<void> turned = impl_->turn(1e-3, on_answer); !turned) return turned.error();
  }
  return sent;
}

}  // namespace unik::bench
