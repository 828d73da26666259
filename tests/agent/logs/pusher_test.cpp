// Consoles pushed over HTTP to a server that reads the raw request.
#include "agent/logs/pusher.hpp"

#include <sys/socket.h>

#include "console_fixture.hpp"

namespace unik::agent::testing {
namespace {

const InstanceId kWeb{Symbol("t"), Symbol("web"), 0, 4, 1};

// Takes one request after another off its own connections; a push's body is decoded as it comes.
class Controller {
 public:
  // `limit`: after so many bytes of a body the connection is closed without an answer.
  explicit Controller(std::size_t limit = SIZE_MAX) : server_([this, limit](int fd) { take(fd, limit); }) {}

  wire::Endpoint endpoint() const {
    wire::Endpoint endpoint;
    endpoint.host = "127.0.0.1";
    endpoint.port = server_.port();
    return endpoint;
  }
  std::string head() { return locked(head_); }
  std::string body() { return locked(body_); }
  std::size_t taken() {
    const std::lock_guard lock(mutex_);
    return body_.size();
  }
  int finished() const { return finished_; }

 private:
  std::string locked(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return text;
  }

  static std::string read_line(int fd) {
    std::string line;
    while (!line.ends_with("\r\n")) {
      const std::string byte = read_exactly(fd, 1);
      if (byte.empty()) return line;
      line += byte;
    }
    return line.substr(0, line.size() - 2);
  }

  void take(int fd, std::size_t limit) {
    for (std::string line = read_line(fd); !line.empty(); line = read_line(fd)) {
      const std::lock_guard lock(mutex_);
      head_ += line + '\n';
    }
    std::size_t taken = 0;
    while (taken < limit) {
      const std::string length = read_line(fd);
      if (length.empty()) return;
      const std::size_t size = std::stoul(length, nullptr, 16);
      const std::string chunk = read_exactly(fd, size);
      read_line(fd);
      if (size == 0) {
        send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        ++finished_;
        return;
      }
      taken += size;
      const std::lock_guard lock(mutex_);
      body_ += chunk;
    }
    ::shutdown(fd, SHUT_RDWR);
    ++finished_;
  }

  std::mutex mutex_;
  std::string head_;
  std::string body_;
  std::atomic<int> finished_ = 0;
  TestServer server_;
};

struct Node {
  Node() {
    Result<std::unique_ptr<Consoles>> created = Consoles::create();
    consoles = std::move(*created);
    EXPECT_TRUE(consoles->attach(kWeb, dir.path()).ok());
    guest = std::make_unique<Guest>(dir.path());
  }
  PusherOptions options(const Controller& controller) const {
    return {"node one", controller.endpoint(), {{"Authorization", "Bearer secret"}}};
  }

  TempDir dir;
  std::unique_ptr<Consoles> consoles;
  std::unique_ptr<Guest> guest;
};

PushLog request_of(std::string stream_id, LogQuery query = {}) {
  return {{std::move(stream_id), kWeb, query}};
}

TEST(LogPusher, PushesTheConsoleOnceAndEnds) {
  Node node;
  Controller controller;
  wire::HttpClient client;
  LogPusher pusher(node.options(controller), *node.consoles, client);
  node.guest->write("hello\nworld\n");
  pusher.push(request_of("s/1"));
  pusher.push(request_of("s/1"));
  ASSERT_TRUE(eventually([&] { return controller.finished() == 1; }));
  EXPECT_EQ(controller.body(), "hello\nworld\n");
  EXPECT_TRUE(controller.head().starts_with("POST /v1/nodes/node%20one/logs/s%2F1 HTTP/1.1\n")) << controller.head();
  EXPECT_NE(controller.head().find("Transfer-Encoding: chunked\n"), std::string::npos);
  EXPECT_NE(controller.head().find("Authorization: Bearer secret\n"), std::string::npos);
}

TEST(LogPusher, FollowsUntilTheInstanceIsForgotten) {
  Node node;
  Controller controller;
  wire::HttpClient client;
  LogPusher pusher(node.options(controller), *node.consoles, client);
  pusher.push(request_of("s1", following()));
  std::string all;
  for (int i = 0; i < 20; ++i) {
    const std::string line = "line " + std::to_string(i) + '\n';
    node.guest->write(line);
    all += line;
    ASSERT_TRUE(eventually([&] { return controller.body() == all; }));
  }
  EXPECT_EQ(controller.finished(), 0);
  node.consoles->forget(kWeb);
  EXPECT_TRUE(eventually([&] { return controller.finished() == 1; }));
  EXPECT_EQ(controller.body(), all);
}

TEST(LogPusher, StopsWhenTheControllerGoesAway) {
  Node node;
  Controller controller(1);
  wire::HttpClient client;
  LogPusher pusher(node.options(controller), *node.consoles, client);
  node.guest->write(std::string(100, 'x'));
  Result<ConsoleReader> probe = node.consoles->read(kWeb, {});
  ASSERT_TRUE(probe.ok());
  const std::weak_ptr<Console> console = probe->console();
  probe = not_found("", "");
  pusher.push(request_of("s1", following()));
  ASSERT_TRUE(eventually([&] { return controller.finished() == 1; }));
  // Nothing holds the console any more once the instance is forgotten: the reader has gone with its stream.
  node.guest->write("more");
  node.consoles->forget(kWeb);
  EXPECT_TRUE(eventually([&] { return console.expired(); }));
}

TEST(LogPusher, TellsWhoWaitsWhyThereIsNothing) {
  Node node;
  Controller controller;
  wire::HttpClient client;
  LogPusher pusher(node.options(controller), *node.consoles, client);
  pusher.push(request_of("s1", previous_run()));
  ASSERT_TRUE(eventually([&] { return controller.finished() == 1; }));
  EXPECT_EQ(controller.body(), "[unikctl: no run before this one is known: the instance has not been restarted]\n");
}

TEST(LogPusher, EndsWithPushesUnderWay) {
  Node node;
  Controller controller;
  wire::HttpClient client;
  {
    LogPusher pusher(node.options(controller), *node.consoles, client);
    node.guest->write("x");
    for (int i = 0; i < 10; ++i) pusher.push(request_of(std::to_string(i), following()));
    ASSERT_TRUE(eventually([&] { return controller.taken() == 10; }));
  }
  node.guest->write("y");
}

TEST(LogPusher, CarriesALargeConsoleUnchanged) {
  Node node;
  Controller controller;
  wire::HttpClient client;
  LogPusher pusher(node.options(controller), *node.consoles, client);
  pusher.push(request_of("s1", following()));
  std::string bytes = random_bytes(40'000'000, 5);
  for (char& byte : bytes)
    if (byte == '\r') byte = 'r';
  node.guest->write(bytes);
  EXPECT_TRUE(eventually([&] { return controller.taken() >= bytes.size(); }));
  EXPECT_TRUE(controller.body() == bytes);
}

}  // namespace
}  // namespace unik::agent::testing
