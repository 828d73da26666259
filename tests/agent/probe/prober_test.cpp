// Health checks against real servers on loopback.
#include "agent/probe/prober.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>

#include "../forward/forward_fixture.hpp"

namespace unik::agent::testing {
namespace {

class Inbox {
 public:
  std::function<void(Event)> deliver() {
    return [this](Event event) {
      const std::lock_guard lock(mutex_);
      if (const auto* done = std::get_if<ProbeDone>(&event)) {
        done_[done->probe] = *done;
        ++count_;
      }
    };
  }
  ProbeDone await(std::uint64_t probe) {
    ProbeDone found;
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex_);
      const auto it = done_.find(probe);
      if (it != done_.end()) found = it->second;
      return it != done_.end();
    })) << "probe "
        << probe;
    return found;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, ProbeDone> done_;
  std::size_t count_ = 0;
};

const InstanceId kId{Symbol("t"), Symbol("web"), 0, 4, 1};

ProbeHealth http_probe(std::uint64_t number, std::uint16_t port, std::string path, Duration timeout = 5s) {
  HealthCheck check;
  check.port = port;
  check.path = std::move(path);
  check.timeout = timeout;
  return {kId, number, "127.0.0.1", check};
}

ProbeHealth tcp_probe(std::uint64_t number, std::uint16_t port, Duration timeout = 5s) {
  ProbeHealth request = http_probe(number, port, "", timeout);
  request.check.path.reset();
  return request;
}

// Reads a request's head and answers with `text`.
TestServer::Serve answer(std::string text, std::string* asked = nullptr) {
  return [text, asked](int fd) {
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      const std::string byte = read_exactly(fd, 1);
      if (byte.empty()) return;
      head += byte;
    }
    if (asked != nullptr) *asked = head;
    send_all(fd, text);
    ::shutdown(fd, SHUT_RDWR);
  };
}

TEST(Prober, TakesTwoHundredToThreeHundredNinetyNineForHealthy) {
  Inbox inbox;
  Prober prober({}, inbox.deliver());
  std::uint64_t number = 0;
  for (const auto& [status, passed] : std::map<std::string, bool>{{"199", false},
                                                                  {"200", true},
                                                                  {"204", true},
                                                                  {"302", true},
                                                                  {"399", true},
                                                                  {"400", false},
                                                                  {"503", false}}) {
    TestServer server(answer("HTTP/1.1 " + status + " Whatever\r\n\r\nbody"));
    prober.probe(http_probe(++number, server.port(), "/healthz"));
    const ProbeDone done = inbox.await(number);
    EXPECT_EQ(done.passed, passed) << status;
    EXPECT_EQ(done.detail, "GET /healthz answered " + status);
    EXPECT_EQ(done.id, kId);
  }
}

TEST(Prober, SendsAWholeRequest) {
  Inbox inbox;
  std::string asked;
  {
    Prober prober({}, inbox.deliver());
    TestServer server(answer("HTTP/1.0 200 OK\r\n\r\n", &asked));
    prober.probe(http_probe(1, server.port(), "/a?b=c"));
    EXPECT_TRUE(inbox.await(1).passed);
    EXPECT_NE(asked.find("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"), std::string::npos);
  }
  EXPECT_TRUE(asked.starts_with("GET /a?b=c HTTP/1.1\r\n")) << asked;
  EXPECT_NE(asked.find("\r\nConnection: close\r\n"), std::string::npos);
}

TEST(Prober, SaysWhatWentWrong) {
  Inbox inbox;
  Prober prober({}, inbox.deliver());
  prober.probe(http_probe(1, free_port(), "/"));
  EXPECT_EQ(inbox.await(1).detail, "GET / failed: connection refused");

  TestServer ssh(say("SSH-2.0-OpenSSH_9.2p1\r\n"));
  prober.probe(http_probe(2, ssh.port(), "/"));
  EXPECT_EQ(inbox.await(2).detail, "GET / answered something that is no HTTP/1");

  TestServer shut(say(""));
  prober.probe(http_probe(3, shut.port(), "/"));
  EXPECT_FALSE(inbox.await(3).passed);

  TestServer silent(echo_nothing);
  prober.probe(http_probe(4, silent.port(), "/", 30ms));
  EXPECT_EQ(inbox.await(4).detail, "GET / was not answered within 30ms");

  ProbeHealth nowhere = tcp_probe(5, 80);
  nowhere.address = "";
  prober.probe(nowhere);
  EXPECT_FALSE(inbox.await(5).passed);
  for (std::uint64_t number = 1; number <= 5; ++number) EXPECT_FALSE(inbox.await(number).passed);
}

TEST(Prober, TakesATcpConnectionThatStaysOpenForHealthy) {
  Inbox inbox;
  Prober prober({.at_once = 4, .tcp_settle = 20ms, .guest_accepts = {}, .backend_port = {}}, inbox.deliver());
  TestServer silent(echo_nothing);
  prober.probe(tcp_probe(1, silent.port()));
  EXPECT_EQ(inbox.await(1).detail, "port " + std::to_string(silent.port()) + " accepts connections");
  EXPECT_TRUE(inbox.await(1).passed);

  TestServer greets([](int fd) { send_all(fd, "220 hello\r\n"); });
  prober.probe(tcp_probe(2, greets.port()));
  EXPECT_TRUE(inbox.await(2).passed);

  prober.probe(tcp_probe(3, free_port()));
  EXPECT_FALSE(inbox.await(3).passed);
}

TEST(Prober, DoesNotTakeUserModeNetworksAcceptForTheGuests) {
  Inbox inbox;
  Prober prober({.at_once = 4, .tcp_settle = 10s, .guest_accepts = {}, .backend_port = {}}, inbox.deliver());
  TestServer slirp([](int fd) { ::shutdown(fd, SHUT_RDWR); });
  prober.probe(tcp_probe(1, slirp.port(), 20s));
  EXPECT_FALSE(inbox.await(1).passed);
}

// What user-mode networking looks like from outside while the guest has not answered yet, or never will: open.
TEST(Prober, WaitsUntilTheGuestItselfHasTakenTheConnectionUp) {
  Inbox inbox;
  std::atomic<int> asked = 0;
  ProberOptions options;
  options.tcp_settle = 1ms;
  options.guest_accepts = [&](const InstanceId& id, std::uint16_t port, const ProberOptions::Answer& answer) {
    EXPECT_EQ(id, kId);
    EXPECT_GT(port, 0);
    answer(++asked == 3);
  };
  Prober prober(options, inbox.deliver());
  TestServer slirp(echo_nothing);
  prober.probe(tcp_probe(1, slirp.port()));
  EXPECT_TRUE(inbox.await(1).passed);
  EXPECT_EQ(asked, 3);
}

TEST(Prober, FailsWhereTheGuestTakesNothingUp) {
  Inbox inbox;
  ProberOptions options;
  options.tcp_settle = 1ms;
  options.guest_accepts = [](const InstanceId&, std::uint16_t, const ProberOptions::Answer& answer) { answer(false); };
  Prober prober(options, inbox.deliver());
  TestServer slirp(echo_nothing);
  prober.probe(tcp_probe(1, slirp.port(), 200ms));
  EXPECT_FALSE(inbox.await(1).passed);
  EXPECT_EQ(inbox.await(1).detail,
            "port " + std::to_string(slirp.port()) + " was not taken up by the guest within 200ms");
}

TEST(Prober, BelievesTheConnectionWhereNobodyCanTellAndOutlivesLateAnswers) {
  Inbox inbox;
  std::vector<ProberOptions::Answer> late;
  {
    ProberOptions options;
    options.tcp_settle = 1ms;
    options.guest_accepts = [&](const InstanceId&, std::uint16_t port, const ProberOptions::Answer& answer) {
      if (port == 1) late.push_back(answer);
      if (port != 1) answer(std::nullopt);
    };
    TestServer slirp(echo_nothing);
    options.backend_port = [&](std::uint16_t) { return slirp.port(); };
    Prober prober(options, inbox.deliver());
    prober.probe(tcp_probe(1, 2, 200ms));
    EXPECT_TRUE(inbox.await(1).passed);
    prober.probe(tcp_probe(2, 1, 100ms));
    EXPECT_FALSE(inbox.await(2).passed);
  }
  ASSERT_EQ(late.size(), 1U);
  late.front()(true);
}

TEST(Prober, RunsNoMoreAtOnceThanItIsAllowedAndAnswersEachOnce) {
  Inbox inbox;
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  TestServer server([&](int fd) {
    const int mine = ++now;
    int seen = most;
    while (seen < mine && !most.compare_exchange_weak(seen, mine)) {
    }
    read_exactly(fd, 16);
    --now;  // before the answer, which lets the next one in
    send_all(fd, "HTTP/1.1 200 OK\r\n\r\n");
    ::shutdown(fd, SHUT_RDWR);
  });
  Prober prober({.at_once = 8, .tcp_settle = 1ms, .guest_accepts = {}, .backend_port = {}}, inbox.deliver());
  for (std::uint64_t number = 0; number < 400; ++number) prober.probe(http_probe(number, server.port(), "/"));
  for (std::uint64_t number = 0; number < 400; ++number) EXPECT_TRUE(inbox.await(number).passed);
  EXPECT_EQ(inbox.count(), 400u);
  EXPECT_LE(most, 8);
}

TEST(Prober, UsesThePortOnWhichTheGuestAnswersHere) {
  Inbox inbox;
  TestServer server(answer("HTTP/1.1 200 OK\r\n\r\n"));
  Prober prober({.at_once = 1,
                 .tcp_settle = 1ms,
                 .guest_accepts = {},
                 .backend_port = [&](std::uint16_t) { return server.port(); }},
                inbox.deliver());
  prober.probe(http_probe(1, 80, "/"));
  EXPECT_TRUE(inbox.await(1).passed);
}

TEST(Prober, EndsWithProbesUnderWay) {
  Inbox inbox;
  TestServer silent(echo_nothing);
  Prober prober({}, inbox.deliver());
  for (std::uint64_t number = 0; number < 20; ++number) prober.probe(http_probe(number, silent.port(), "/", 60s));
  EXPECT_TRUE(eventually([&] { return silent.accepted() == 20; }));
}

}  // namespace
}  // namespace unik::agent::testing
