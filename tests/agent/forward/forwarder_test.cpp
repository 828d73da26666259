// The agent's side: it starts the forwarder, finds the one that runs, replaces an old build and mourns nobody.
#include "agent/forward/forwarder.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include "forward_fixture.hpp"

namespace unik::agent::testing {
namespace {

// Collects what the port delivers.
class Inbox {
 public:
  std::function<void(Event)> deliver() {
    return [this](Event event) {
      const std::lock_guard lock(mutex_);
      if (const auto* published = std::get_if<Published>(&event)) last_ = *published;
    };
  }
  std::optional<Published> await(std::uint64_t version) {
    eventually([&] {
      const std::lock_guard lock(mutex_);
      return last_ && last_->version == version;
    });
    const std::lock_guard lock(mutex_);
    return last_;
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return !last_;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    last_.reset();
  }

 private:
  std::mutex mutex_;
  std::optional<Published> last_;
};

Publish publish_of(std::uint64_t version, std::vector<Backend> backends, std::uint16_t port) {
  Route route;
  route.app = {Symbol("t"), Symbol("web")};
  route.publication = {"http", port, std::nullopt};
  route.backends = std::move(backends);
  for (Backend& backend : route.backends) backend.port = port;
  return {version, {route}};
}

ForwarderOptions options_of(const TempDir& dir, std::string build = "one") {
  ForwarderOptions options;
  options.directory = dir.path();
  options.program = own_program();
  options.build = std::move(build);
  return options;
}

// The processes are nobody's children: ended by their id, which only the socket knows.
class KillAtEnd {
 public:
  explicit KillAtEnd(const TempDir& dir) : dir_(dir) {}
  ~KillAtEnd() {
    if (const pid_t pid = forwarder_pid(dir_.path()); pid > 0) ::kill(pid, SIGKILL);
  }

 private:
  const TempDir& dir_;
};

TEST(Forwarder, StartsAProcessThatOutlivesItAndIsFoundAgain) {
  const TempDir dir;
  const KillAtEnd end(dir);
  TestServer server(say("here"));
  std::uint16_t host_port = 0;
  pid_t pid = -1;
  {
    Inbox inbox;
    Forwarder forwarder(options_of(dir), inbox.deliver());
    forwarder.publish(publish_of(3, {{{}, "127.0.0.1"}}, server.port()));
    const std::optional<Published> published = inbox.await(3);
    ASSERT_TRUE(published);
    ASSERT_EQ(published->publications.size(), 1u);
    EXPECT_EQ(published->publications[0].problem, "");
    EXPECT_EQ(published->publications[0].address, "127.0.0.1");
    EXPECT_EQ(published->publications[0].port, server.port());
    host_port = published->publications[0].host_port;
    EXPECT_EQ(ask(host_port), "here");
    pid = forwarder_pid(dir.path());
    EXPECT_EQ(::getsid(pid), pid);
  }
  EXPECT_EQ(ask(host_port), "here");
  Inbox inbox;
  Forwarder again(options_of(dir), inbox.deliver());
  again.publish(publish_of(1, {{{}, "127.0.0.1"}}, server.port()));
  EXPECT_EQ(inbox.await(1)->publications[0].host_port, host_port);
  EXPECT_EQ(forwarder_pid(dir.path()), pid);
}

TEST(Forwarder, StartsItAgainWithTheLastTableWhenItIsKilledWithConnectionsOpen) {
  const TempDir dir;
  const KillAtEnd end(dir);
  TestServer server(echo);
  Inbox inbox;
  Forwarder forwarder(options_of(dir), inbox.deliver());
  forwarder.publish(publish_of(1, {{{}, "127.0.0.1"}}, server.port()));
  const std::uint16_t host_port = inbox.await(1)->publications[0].host_port;
  std::vector<Fd> open;
  for (int i = 0; i < 50; ++i) {
    open.push_back(connect_to(host_port));
    ASSERT_TRUE(send_all(open.back().get(), "x"));
    ASSERT_EQ(read_exactly(open.back().get(), 1), "x");
  }
  const pid_t first = forwarder_pid(dir.path());
  inbox.clear();
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  EXPECT_EQ(inbox.await(1)->publications[0].host_port, host_port);
  EXPECT_NE(forwarder_pid(dir.path()), first);
  const Fd fresh = connect_to(host_port);
  ASSERT_TRUE(send_all(fresh.get(), "again"));
  EXPECT_EQ(read_exactly(fresh.get(), 5), "again");
}

TEST(Forwarder, ReplacesOneOfAnotherBuild) {
  const TempDir dir;
  const KillAtEnd end(dir);
  TestServer server(echo);
  std::uint16_t host_port = 0;
  Fd open;
  {
    Inbox inbox;
    Forwarder forwarder(options_of(dir, "one"), inbox.deliver());
    forwarder.publish(publish_of(1, {{{}, "127.0.0.1"}}, server.port()));
    host_port = inbox.await(1)->publications[0].host_port;
    open = connect_to(host_port);
    ASSERT_TRUE(send_all(open.get(), "x"));
    ASSERT_EQ(read_exactly(open.get(), 1), "x");
  }
  const pid_t first = forwarder_pid(dir.path());
  Inbox inbox;
  Forwarder forwarder(options_of(dir, "two"), inbox.deliver());
  forwarder.publish(publish_of(1, {{{}, "127.0.0.1"}}, server.port()));
  EXPECT_EQ(inbox.await(1)->publications[0].host_port, host_port);
  EXPECT_NE(forwarder_pid(dir.path()), first);
  ASSERT_TRUE(send_all(open.get(), "y"));
  EXPECT_EQ(read_exactly(open.get(), 1), "y");
  open.reset();
  EXPECT_TRUE(eventually([&] { return ::kill(first, 0) != 0; }));
}

TEST(Forwarder, StartsNothingForAnEmptyTable) {
  const TempDir dir;
  Inbox inbox;
  Forwarder forwarder(options_of(dir), inbox.deliver());
  forwarder.publish({9, {}});
  EXPECT_TRUE(inbox.await(9));
  EXPECT_EQ(forwarder_pid(dir.path()), -1);
}

TEST(Forwarder, SaysWhyThereIsNone) {
  const TempDir dir;
  Inbox inbox;
  ForwarderOptions options = options_of(dir);
  options.program = "/nonexistent/unik-agent";
  Forwarder forwarder(options, inbox.deliver());
  forwarder.publish(publish_of(1, {}, 80));
  const std::optional<Published> published = inbox.await(1);
  ASSERT_TRUE(published);
  EXPECT_EQ(published->publications[0].host_port, 0);
  EXPECT_NE(published->publications[0].problem.find("/nonexistent/unik-agent"), std::string::npos);
}

TEST(Forwarder, UsesThePortOnWhichTheGuestAnswersHere) {
  const TempDir dir;
  const KillAtEnd end(dir);
  TestServer server(say("moved"));
  Inbox inbox;
  ForwarderOptions options = options_of(dir);
  options.backend_port = [&](std::uint16_t guest_port) { return guest_port == 80 ? server.port() : guest_port; };
  Forwarder forwarder(options, inbox.deliver());
  forwarder.publish(publish_of(1, {{{}, "127.0.0.1"}}, 80));
  EXPECT_EQ(ask(inbox.await(1)->publications[0].host_port), "moved");
}

}  // namespace
}  // namespace unik::agent::testing
