// The forwarder as a process: bytes, balance, failure, restart and handover over real sockets.
#include "agent/forward/forward.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "agent/forward/relay.hpp"
#include "forward_fixture.hpp"

namespace unik::agent::testing {
namespace {

ForwardTable table_of(std::vector<ForwardRoute> routes, std::uint64_t version = 1) {
  return {.version = version, .bind_address = "127.0.0.1", .routes = std::move(routes)};
}

TEST(Forward, KeepsHalfOpenConnectionsInBothDirections) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  // Reads to the client's end, then answers with how much it was.
  TestServer counter([](int fd) {
    const std::optional<std::string> all = read_to_end(fd);
    send_all(fd, "got " + std::to_string(all ? all->size() : 0));
    ::shutdown(fd, SHUT_WR);
  });
  // Ends its own direction first, then tells what it heard by closing only after the client's end.
  std::atomic<std::size_t> heard = 0;
  TestServer speaker([&](int fd) {
    send_all(fd, "hello");
    ::shutdown(fd, SHUT_WR);
    heard = read_to_end(fd).value_or("").size();
  });
  const TableState state =
      agent.send(table_of({{"t/a/up", 0, {counter.backend()}}, {"t/a/down", 0, {speaker.backend()}}}));
  ASSERT_EQ(state.routes.size(), 2u);

  const Fd up = connect_to(state.routes[0].host_port);
  ASSERT_TRUE(send_all(up.get(), std::string(300'000, 'x')));
  ::shutdown(up.get(), SHUT_WR);
  EXPECT_EQ(read_to_end(up.get()), "got 300000");

  const Fd down = connect_to(state.routes[1].host_port);
  EXPECT_EQ(read_to_end(down.get()), "hello");
  ASSERT_TRUE(send_all(down.get(), std::string(200'000, 'y')));
  ::shutdown(down.get(), SHUT_WR);
  EXPECT_TRUE(eventually([&] { return heard == 200'000; }));
}

TEST(Forward, CarriesThreeHundredConnectionsAtOnceAndSpreadsThem) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer one(echo);
  TestServer two(echo);
  TestServer three(echo);
  const std::uint16_t port =
      agent.send(table_of({{"t/a/http", 0, {one.backend(), two.backend(), three.backend()}}})).routes[0].host_port;

  std::vector<Fd> clients;
  for (unsigned i = 0; i < 300; ++i) clients.push_back(connect_to(port));
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (unsigned i = 0; i < 300; ++i)
    threads.emplace_back([&, i] {
      const std::string bytes = random_bytes(40'000, i);
      if (!send_all(clients[i].get(), bytes)) return;
      ::shutdown(clients[i].get(), SHUT_WR);
      if (read_to_end(clients[i].get()) == bytes) ++right;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 300);
  for (const TestServer* server : {&one, &two, &three}) {
    EXPECT_GE(server->accepted(), 90);
    EXPECT_LE(server->accepted(), 110);
  }
}

TEST(Forward, MovesLargeStreamsUnchangedPastAReaderThatStops) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer server(echo);
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {server.backend()}}})).routes[0].host_port;
  const std::string bytes = random_bytes(64 << 20, 7);
  const Fd client = connect_to(port);
  // The writer gets far ahead: every buffer between here and the echo fills up before the first byte is read back.
  std::thread writer([&] {
    send_all(client.get(), bytes);
    ::shutdown(client.get(), SHUT_WR);
  });
  const auto begin = std::chrono::steady_clock::now();
  const std::optional<std::string> back = read_to_end(client.get());
  writer.join();
  ASSERT_TRUE(back);
  EXPECT_TRUE(*back == bytes);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  RecordProperty("mebibytes_per_second", std::to_string(64 / seconds));
}

TEST(Forward, GoesOnToTheNextBackendWhenOneRefuses) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer alive(say("alive"));
  const ForwardBackend dead{"127.0.0.1", free_port()};
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {dead, alive.backend()}}})).routes[0].host_port;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(ask(port), "alive");
}

TEST(Forward, HoldsAConnectionUntilABackendComes) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {}}})).routes[0].host_port;
  const Fd nobody = connect_to(port);
  ASSERT_TRUE(send_all(nobody.get(), "early"));
  ::shutdown(nobody.get(), SHUT_WR);
  TestServer server(echo);
  agent.send(table_of({{"t/a/http", 0, {server.backend()}}}, 2));
  EXPECT_EQ(read_to_end(nobody.get()), "early");

  // One in the table that does not listen yet is tried again.
  const std::uint16_t late = free_port();
  agent.send(table_of({{"t/a/http", 0, {{"127.0.0.1", late}}}}, 3));
  const Fd early = connect_to(port);
  TestServer started(say("started"), late);
  EXPECT_EQ(read_to_end(early.get()), "started");
}

TEST(Forward, ClosesAConnectionThatFindsNoBackendInTime) {
  const TempDir dir;
  const ForwardProcess process(dir.path(), {"--no-backend-wait-ms", "50"});
  TableClient agent(dir.path());
  const std::uint16_t port =
      agent.send(table_of({{"t/a/none", 0, {}}, {"t/a/dead", 0, {{"127.0.0.1", free_port()}}}})).routes[0].host_port;
  EXPECT_EQ(read_to_end(connect_to(port).get()), "");
}

TEST(Forward, LetsConnectionsToARemovedBackendFinish) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer old_one(echo);
  TestServer new_one(say("new"));
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {old_one.backend()}}})).routes[0].host_port;
  const Fd client = connect_to(port);
  ASSERT_TRUE(send_all(client.get(), "one"));
  ASSERT_EQ(read_exactly(client.get(), 3), "one");
  agent.send(table_of({{"t/a/http", 0, {new_one.backend()}}}, 2));
  EXPECT_EQ(ask(port), "new");
  agent.send(table_of({}, 3));
  EXPECT_FALSE(connect_to(port));
  ASSERT_TRUE(send_all(client.get(), "two"));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(read_to_end(client.get()), "two");
}

TEST(Forward, TellsWhoHasLeftUntilTheLastAnswer) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  std::atomic<bool> may_answer = false;
  const TestServer slow([&](int fd) {
    char request = 0;
    if (::recv(fd, &request, 1, 0) != 1) return;
    eventually([&] { return may_answer.load(); });
    send_all(fd, "answer");
    read_to_end(fd);
  });
  const TestServer idle(echo);
  const TestServer next(say("next"));
  const TableState both = agent.send(table_of({{"t/a/slow", 0, {slow.backend()}}, {"t/a/idle", 0, {idle.backend()}}}));
  const Fd asking = connect_to(both.routes[0].host_port);
  const Fd waiting = connect_to(both.routes[1].host_port);
  ASSERT_TRUE(send_all(asking.get(), "?"));
  ASSERT_TRUE(eventually([&] { return slow.accepted() == 1 && idle.accepted() == 1; }));
  std::this_thread::sleep_for(kQuiet + std::chrono::milliseconds(200));

  const std::vector<ForwardRoute> replaced = {{"t/a/slow", 0, {next.backend()}}, {"t/a/idle", 0, {next.backend()}}};
  EXPECT_EQ(agent.send(table_of(replaced, 2)).leaving, std::vector{slow.backend()})
      << "one was asked and has not answered; the other's client has been silent";
  EXPECT_EQ(agent.send(table_of(replaced, 3)).leaving, std::vector{slow.backend()});
  may_answer = true;
  const TableState after = agent.await_state();
  EXPECT_EQ(after.version, 3u);
  EXPECT_TRUE(after.leaving.empty());
  char answer[6];
  EXPECT_EQ(::recv(asking.get(), answer, sizeof answer, MSG_WAITALL), 6);
}

TEST(Forward, NobodyLeavesWithAConnectionThatWasClosed) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  const TestServer silent([](int fd) {
    read_to_end(fd);
    ::shutdown(fd, SHUT_RDWR);
  });
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {silent.backend()}}})).routes[0].host_port;
  Fd client = connect_to(port);
  ASSERT_TRUE(send_all(client.get(), "?"));
  ASSERT_TRUE(eventually([&] { return silent.accepted() == 1; }));
  EXPECT_EQ(agent.send(table_of({}, 2)).leaving, std::vector{silent.backend()});
  client.reset();
  EXPECT_TRUE(agent.await_state().leaving.empty());
}

TEST(Forward, PassesAResetOn) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer broken([](int fd) {
    read_exactly(fd, 1);
    send_all(fd, "half an ans");
    reset_on_close(fd);
    // The descriptor is the server's to close: a connect to nowhere dissolves the connection with a reset.
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    ::connect(fd, &none, sizeof none);
  });
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {broken.backend()}}})).routes[0].host_port;
  const Fd client = connect_to(port);
  ASSERT_TRUE(send_all(client.get(), "x"));
  EXPECT_EQ(read_to_end(client.get()), std::nullopt);
}

TEST(Forward, LeavesClientsInTheQueueBeyondItsLimit) {
  const TempDir dir;
  const ForwardProcess process(dir.path(), {"--connections", "3"});
  TableClient agent(dir.path());
  TestServer server(echo);
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {server.backend()}}})).routes[0].host_port;
  std::vector<Fd> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(connect_to(port));
    ASSERT_TRUE(send_all(clients.back().get(), "ping"));
  }
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(read_exactly(clients[static_cast<std::size_t>(i)].get(), 4), "ping");
    EXPECT_LE(server.accepted(), 3 + i);
    clients[static_cast<std::size_t>(i)].reset();
  }
}

TEST(Forward, SaysWhyAPortIsNotOpenAndOpensItWhenItIsFree) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer server(say("here"));
  auto stranger = std::make_unique<TestServer>(say("stranger"));
  const std::uint16_t taken = stranger->port();
  const TableState state =
      agent.send(table_of({{"t/a/http", taken, {server.backend()}}, {"t/b/http", 0, {server.backend()}}}, 4));
  EXPECT_EQ(state.version, 4u);
  EXPECT_EQ(state.routes[0].host_port, 0);
  EXPECT_NE(state.routes[0].problem.find("in use by another program"), std::string::npos) << state.routes[0].problem;
  EXPECT_EQ(ask(state.routes[1].host_port), "here");
  stranger.reset();
  const TableState later = agent.await_state();
  EXPECT_EQ(later.version, 4u);
  EXPECT_EQ(later.routes[0], (RouteState{"t/a/http", taken, ""}));
  EXPECT_EQ(ask(taken), "here");

  const TableState twice = agent.send(table_of({{"t/a/http", taken, {}}, {"t/c/http", taken, {}}}, 5));
  EXPECT_NE(twice.routes[1].problem.find("already published for t/a/http"), std::string::npos)
      << twice.routes[1].problem;
}

TEST(Forward, KeepsAnAutomaticPortWhileItsRouteLivesAndMovesAFixedOne) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer a(say("a"));
  TestServer b(say("b"));
  const std::uint16_t port = agent.send(table_of({{"t/a/http", 0, {a.backend()}}})).routes[0].host_port;
  EXPECT_EQ(agent.send(table_of({{"t/b/http", 0, {b.backend()}}, {"t/a/http", 0, {}}})).routes[1].host_port, port);
  // The agent has remembered it and asks for it by number: the same listener.
  EXPECT_EQ(agent.send(table_of({{"t/a/http", port, {a.backend()}}})).routes[0].host_port, port);
  // Two routes exchange their ports in one table.
  const std::uint16_t other = free_port();
  agent.send(table_of({{"t/a/http", port, {a.backend()}}, {"t/b/http", other, {b.backend()}}}));
  const TableState swapped =
      agent.send(table_of({{"t/a/http", other, {a.backend()}}, {"t/b/http", port, {b.backend()}}}));
  EXPECT_EQ(swapped.routes[0].problem + swapped.routes[1].problem, "");
  EXPECT_EQ(ask(other), "a");
  EXPECT_EQ(ask(port), "b");
}

// The inode of the socket that listens there: another one for another socket.
std::string listening_socket(std::uint16_t port) {
  std::array<char, 16> place;
  std::snprintf(place.data(), place.size(), ":%04X 00000000", port);
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    if (line.find(place.data()) == std::string::npos) continue;
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i < 10; ++i) words >> word;
    return word;
  }
  return "";
}

TEST(Forward, TheSocketOfAPortGoesWithItToAnotherRoute) {
  const TempDir dir;
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  TestServer a(say("a"));
  const std::uint16_t port = free_port();
  agent.send(table_of({{"t/a/p8080", port, {a.backend()}}}));
  const std::string socket = listening_socket(port);
  ASSERT_NE(socket, "");
  EXPECT_EQ(agent.send(table_of({{"t/a/p9090", port, {a.backend()}}})).routes[0], (RouteState{"t/a/p9090", port, ""}));
  EXPECT_EQ(listening_socket(port), socket) << "closed and opened anew, connections are refused in between";
  EXPECT_EQ(ask(port), "a");
}

TEST(Forward, ComesBackWithItsTableAfterKill9) {
  const TempDir dir;
  TestServer server(say("here"));
  auto first = std::make_unique<ForwardProcess>(dir.path());
  auto agent = std::make_unique<TableClient>(dir.path());
  const std::uint16_t fixed = free_port();
  const TableState state =
      agent->send(table_of({{"t/a/http", 0, {server.backend()}}, {"t/b/http", fixed, {server.backend()}}}));
  const Fd open = connect_to(state.routes[0].host_port);
  first->kill9();
  const ForwardProcess second(dir.path());
  TableClient again(dir.path());
  EXPECT_EQ(ask(state.routes[0].host_port), "here");
  EXPECT_EQ(ask(fixed), "here");
}

TEST(Forward, HandsOverUnderLoadWithoutARefusedConnection) {
  const TempDir dir;
  TestServer echoing(echo);
  TestServer saying(say("here"));
  auto first = std::make_unique<ForwardProcess>(dir.path());
  std::uint16_t port = 0;
  std::uint16_t echo_port = 0;
  std::uint16_t empty_port = 0;
  {
    TableClient agent(dir.path());
    const TableState state = agent.send(
        table_of({{"t/a/http", 0, {saying.backend()}}, {"t/e/http", 0, {echoing.backend()}}, {"t/empty/http", 0, {}}}));
    port = state.routes[0].host_port;
    echo_port = state.routes[1].host_port;
    empty_port = state.routes[2].host_port;
  }
  const Fd open = connect_to(echo_port);
  ASSERT_TRUE(send_all(open.get(), "before"));
  ASSERT_EQ(read_exactly(open.get(), 6), "before");
  const Fd waiting = connect_to(empty_port);
  ASSERT_TRUE(send_all(waiting.get(), "patience"));
  ::shutdown(waiting.get(), SHUT_WR);

  std::atomic<bool> stop = false;
  std::atomic<int> asked = 0;
  std::atomic<int> answered = 0;
  std::vector<std::thread> load;
  for (int i = 0; i < 4; ++i)
    load.emplace_back([&] {
      while (!stop) {
        ++asked;
        if (ask(port) == "here") ++answered;
      }
    });
  ASSERT_TRUE(eventually([&] { return answered > 50; }));
  const ForwardProcess second(dir.path());
  ASSERT_TRUE(eventually([&] { return forwarder_pid(dir.path()) == second.pid(); }));
  const int then = answered;
  ASSERT_TRUE(eventually([&] { return answered > then + 50; }));
  stop = true;
  for (std::thread& thread : load) thread.join();
  EXPECT_EQ(asked, answered);

  // The first still serves what it had, and goes when that is over; the client that waited has moved.
  ASSERT_TRUE(send_all(open.get(), "after"));
  EXPECT_EQ(read_exactly(open.get(), 5), "after");
  TableClient agent(dir.path());
  const TableState state =
      agent.send(table_of({{"t/e/http", 0, {echoing.backend()}}, {"t/empty/http", 0, {echoing.backend()}}}, 2));
  EXPECT_EQ(state.routes[0].host_port, echo_port);
  EXPECT_EQ(read_to_end(waiting.get()), "patience");
  ::shutdown(open.get(), SHUT_WR);
  EXPECT_EQ(read_to_end(open.get()), "");
  EXPECT_TRUE(first->ended());
}

TEST(Forward, GoesOnWhenASuccessorDiesInTheMiddle) {
  const TempDir dir;
  TestServer server(say("here"));
  TestServer echoing(echo);
  const ForwardProcess process(dir.path());
  TableClient agent(dir.path());
  const TableState state = agent.send(table_of({{"t/a/http", 0, {server.backend()}}, {"t/b/http", 0, {}}}));
  const Fd waiting = connect_to(state.routes[1].host_port);
  ASSERT_TRUE(send_all(waiting.get(), "still here"));
  ::shutdown(waiting.get(), SHUT_WR);
  {
    Result<Channel> successor = connect_channel(dir.path(), std::string(kForwardSocket));
    ASSERT_TRUE(successor.ok());
    ASSERT_TRUE(successor->send_now({.kind = ForwardKind::kHandover}, {}, 5s).ok());
    const Result<ForwardMessage> offer = successor->await(kPatience);
    ASSERT_TRUE(offer.ok());
    EXPECT_EQ(offer->listeners, (std::vector<std::string>{"t/a/http", "t/b/http"}));
  }
  EXPECT_EQ(ask(state.routes[0].host_port), "here");
  agent.send(table_of({{"t/a/http", 0, {server.backend()}}, {"t/b/http", 0, {echoing.backend()}}}, 2));
  EXPECT_EQ(read_to_end(waiting.get()), "still here");
}

TEST(Forward, EndsWhenThereIsNothingToDo) {
  const TempDir dir;
  ForwardProcess process(dir.path());
  {
    TableClient agent(dir.path());
    agent.send(table_of({}));
  }
  EXPECT_TRUE(process.ended());
}

TEST(Forward, ReadsItsOwnArguments) {
  const ForwardOptions options{.directory = "d d", .build = "b", .detach = true, .limits = {}};
  const Result<ForwardOptions> read = parse_forward_arguments(forward_arguments(options));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->directory, "d d");
  EXPECT_EQ(read->build, "b");
  EXPECT_TRUE(read->detach);
  const std::vector<std::string> wrong = {"--nonsense"};
  EXPECT_FALSE(parse_forward_arguments(wrong).ok());
}

}  // namespace
}  // namespace unik::agent::testing
