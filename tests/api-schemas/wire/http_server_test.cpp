#include "wire/http_server.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "wire/log.hpp"
#include "wire_fixture.hpp"

namespace unik::wire {
namespace {

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

void echo(HttpRequest request, const Responder& responder) {
  std::string text = request.method + " " + request.path;
  for (const auto& [key, value] : request.query) text += " " + key + "=" + value;
  responder.send(text_response(text + " " + request.body));
}

std::string body_of(const std::string& response) {
  const std::size_t at = response.find("\r\n\r\n");
  return at == std::string::npos ? "" : response.substr(at + 4);
}

ServerOptions with_limits(ServerLimits limits) {
  ServerOptions options;
  options.limits = limits;
  return options;
}

ServerOptions streamed_bodies(std::uint64_t max_bytes = UINT64_MAX) {
  ServerOptions options;
  options.body_policy = [max_bytes](std::string_view, std::string_view) { return BodyPolicy{true, max_bytes}; };
  return options;
}

TEST_F(ServerTest, AnswersOnBothSidesAndKeepsTheConnection) {
  const Running running = serve(echo);
  for (const Endpoint& endpoint : server_->endpoints()) {
    RawClient client(endpoint);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(client.say("POST /a%20b?k=v HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"));
      const std::string response = client.hear_response();
      EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n")) << response;
      EXPECT_EQ(body_of(response), "POST /a b k=v hi");
    }
  }
  EXPECT_EQ(server_->stats().requests, 6u);
}

TEST_F(ServerTest, TellsWhoIsThere) {
  Box<Peer> peer;
  const Running running = serve([&](HttpRequest request, const Responder& responder) {
    peer.put(request.peer);
    responder.send(HttpResponse{});
  });
  RawClient unix_client(unix_side());
  unix_client.say(kGet);
  unix_client.hear_response();
  EXPECT_EQ(*peer.wait(), (Peer{"unix", getuid()}));
  RawClient tcp_client(tcp_side());
  tcp_client.say(kGet);
  tcp_client.hear_response();
  EXPECT_TRUE(peer.wait()->address.starts_with("127.0.0.1:"));
  EXPECT_EQ(peer.wait()->uid, std::nullopt);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  const Running running = serve(echo);
  RawClient client(tcp_side());
  std::string all;
  for (int i = 0; i < 500; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_TRUE(client.say(all));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(body_of(client.hear_response()), "GET /" + std::to_string(i) + " ");
}

// The answers fill every buffer before the client reads one: the server must wait for it, and go on.
TEST_F(ServerTest, PipelinedRequestsWithLargeAnswersWaitForTheirReader) {
  const Running running = serve(
      [](const HttpRequest&, const Responder& responder) { responder.send(text_response(std::string(1 << 20, 'x'))); });
  RawClient client(unix_side());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(client.say(kGet));
  for (int i = 0; i < 8; ++i) ASSERT_EQ(body_of(client.hear_response()).size(), std::size_t{1} << 20);
}

TEST_F(ServerTest, SpeaksHttp10) {
  const Running running = serve(echo);
  RawClient client(tcp_side());
  client.say("GET /x HTTP/1.0\r\n\r\n");
  const std::string response = client.hear_all();
  EXPECT_NE(response.find("Connection: close"), std::string::npos);
  EXPECT_EQ(body_of(response), "GET /x ");
  RawClient keeping(tcp_side());
  for (int i = 0; i < 2; ++i) {
    keeping.say("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_NE(keeping.hear_response().find("Connection: keep-alive"), std::string::npos);
  }
}

TEST_F(ServerTest, HeadHasNoBodyAndTheNextRequestIsStillRead) {
  const Running running = serve(echo);
  RawClient client(tcp_side());
  client.say("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  EXPECT_NE(client.hear_until("\r\n\r\n").find("Content-Length: 8"), std::string::npos);
  EXPECT_EQ(body_of(client.hear_response()), "GET /x ");
}

TEST_F(ServerTest, TraceIdIsTakenOrMade) {
  const Running running = serve([](HttpRequest request, const Responder& responder) {
    if (request.path == "/bad") return responder.send(invalid("bad_thing", "want \"good\""));
    responder.send(text_response(request.trace_id));
  });
  RawClient client(tcp_side());
  const std::string id(32, 'a');
  const std::pair<std::string, bool> cases[] = {{"X-Trace-Id: " + id, true},
                                                {"traceparent: 00-" + id + "-0123456789abcdef-01", true},
                                                {"X-Trace-Id: " + std::string(32, 'A'), false},
                                                {"X-Trace-Id: nonsense", false}};
  for (const auto& [header, kept] : cases) {
    client.say("GET / HTTP/1.1\r\nHost: h\r\n" + header + "\r\n\r\n");
    const std::string response = client.hear_response();
    EXPECT_TRUE(is_trace_id(body_of(response)));
    EXPECT_EQ(body_of(response) == id, kept) << header;
    EXPECT_NE(response.find("X-Trace-Id: " + body_of(response)), std::string::npos);
  }
  client.say("GET /bad HTTP/1.1\r\nHost: h\r\nX-Trace-Id: " + id + "\r\n\r\n");
  const std::string response = client.hear_response();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 400 ")) << response;
  EXPECT_EQ(body_of(response),
            R"({"error":{"code":"invalid","reason":"bad_thing","message":"want \"good\"","details":[],"trace_id":")" +
                id + "\"}}");
}

TEST_F(ServerTest, ARefusalIsFoundInTheLogByItsTraceId) {
  TempDir dir;
  ASSERT_TRUE(setup_log({LogLevel::kInfo, LogFormat::kText, dir / "log"}).ok());
  const Running running =
      serve([](HttpRequest, const Responder& responder) { responder.send(invalid("bad_thing", "want good")); });
  RawClient client(tcp_side());
  client.say("GET / HTTP/1.1\r\nHost: h\r\nX-Trace-Id: " + std::string(32, 'a') + "\r\n\r\n");
  client.hear_response();
  client.say("BROKEN\r\n\r\n");
  const std::string refused = client.hear_all();
  std::ostringstream text;
  text << std::ifstream(dir / "log").rdbuf();
  EXPECT_NE(text.str().find("http: want good status=400 reason=bad_thing trace_id=" + std::string(32, 'a') + "\n"),
            std::string::npos)
      << text.str();
  const std::string header = "X-Trace-Id: ";
  EXPECT_NE(text.str().find("trace_id=" + refused.substr(refused.find(header) + header.size(), 32)), std::string::npos)
      << text.str();
  EXPECT_TRUE(setup_log({}).ok());
}

TEST_F(ServerTest, NoValueBeginsAHeaderOfItsOwn) {
  const Running running = serve([](const HttpRequest&, const Responder& responder) {
    HttpResponse response = text_response("ok");
    response.headers.add("X-Name", "a\r\nSet-Cookie: b");
    response.headers.add("Content-Length", "999");
    responder.send(response);
  });
  RawClient client(tcp_side());
  client.say(kGet);
  const std::string response = client.hear_response();
  EXPECT_NE(response.find("X-Name: a  Set-Cookie: b\r\n"), std::string::npos);
  EXPECT_EQ(response.find("Content-Length: 999"), std::string::npos);
}

TEST_F(ServerTest, RefusesWithTheEnvelopeThenCloses) {
  const Running running = serve(echo);
  const std::pair<std::string, std::string> cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"BROKEN\r\n\r\n", "400"},
      {"GET /../x HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(40 << 10, 'x') + "\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled "
       "HTTP/1.1\r\nHost: h\r\n\r\n",
       "400"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", "413"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n", "413"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" + std::string(1048577, 'x'), "413"},
  };
  for (const auto& [text, status] : cases) {
    RawClient client(tcp_side());
    client.say(text);
    const std::string response = client.hear_all();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 " + status)) << response << text.substr(0, 100);
    EXPECT_NE(response.find("Connection: close"), std::string::npos);
    EXPECT_NE(response.find("X-Trace-Id: "), std::string::npos);
    EXPECT_TRUE(body_of(response).starts_with(R"({"error":{"code":"invalid","reason":")")) << response;
    EXPECT_EQ(response.find("smuggled"), std::string::npos);
  }
  EXPECT_EQ(server_->stats().requests, 0u);
  EXPECT_EQ(server_->stats().refused, std::size(cases));
}

TEST_F(ServerTest, TakesAHeaderOf32KiBAndNotAByteMore) {
  const Running running = serve(echo);
  for (const std::size_t size : {std::size_t{32} << 10, (std::size_t{32} << 10) + 1}) {
    std::string text = "GET /x HTTP/1.1\r\nHost: h\r\nA: ";
    text += std::string(size - text.size() - 4, 'x') + "\r\n\r\n";
    RawClient client(tcp_side());
    client.say(text);
    const std::string response = client.hear_response();
    EXPECT_TRUE(response.starts_with(size > kMaxHeaderBytes ? "HTTP/1.1 431 " : "HTTP/1.1 200 ")) << size << response;
  }
}

TEST_F(ServerTest, ClosesSlowClients) {
  EXPECT_EQ(ServerLimits{}.header, std::chrono::seconds(10)) << "what is shortened here for the test";
  ServerLimits limits;
  limits.header = limits.body_stall = limits.idle = std::chrono::milliseconds(100);
  const Running running = serve(echo, with_limits(limits));
  RawClient silent(tcp_side());
  RawClient header(tcp_side());
  header.say("GET / HTTP/1.1\r\nHo");
  RawClient body(tcp_side());
  body.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_TRUE(silent.hears_end());
  EXPECT_NE(header.hear_all().find("header_timeout"), std::string::npos);
  const std::string told = body.hear_all();
  EXPECT_TRUE(told.starts_with("HTTP/1.1 408 ")) << told;
  EXPECT_NE(told.find("body_timeout"), std::string::npos);
}

// A byte now and then must not keep a header going: the time counts from its first byte.
TEST_F(ServerTest, ADrippingHeaderStillEnds) {
  ServerLimits limits;
  limits.header = std::chrono::milliseconds(200);
  const Running running = serve(echo, with_limits(limits));
  RawClient client(tcp_side());
  const timeval brief{0, 20'000};
  setsockopt(client.fd(), SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
  client.say("GET / HTTP/1.1\r\nA: ");
  std::string heard;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (heard.empty() && std::chrono::steady_clock::now() < give_up) {
    client.say("x");
    heard = client.hear_until("\r\n\r\n");
  }
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 408 ")) << heard;
}

TEST_F(ServerTest, ParkedRequestIsAnsweredFromAnotherThread) {
  Box<Responder> parked;
  const Running running = serve([&](const HttpRequest&, Responder responder) { parked.put(std::move(responder)); });
  RawClient client(unix_side());
  client.say(kGet);
  const std::optional<Responder> responder = parked.wait();
  ASSERT_TRUE(responder);
  EXPECT_TRUE(responder->waiting());
  std::thread other([&] {
    responder->send(text_response("late"));
    responder->send(text_response("twice"));
  });
  EXPECT_EQ(body_of(client.hear_response()), "late");
  other.join();
  EXPECT_FALSE(responder->waiting());
}

TEST_F(ServerTest, ResponderDroppedIsA500) {
  const Running running = serve([](const HttpRequest& request, Responder responder) {
    if (request.path == "/later") std::thread([responder = std::move(responder)] {}).detach();
  });
  RawClient client(unix_side());
  for (const char* path : {"/now", "/later"}) {
    client.say("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string response = client.hear_response();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 500 ")) << response;
    EXPECT_NE(response.find("\"no_answer\""), std::string::npos);
  }
}

// Full close on either side, while the request is parked.
TEST_F(ServerTest, NoticesThatAParkedClientLeft) {
  ServerLimits limits;
  limits.half_close = std::chrono::milliseconds(100);
  Box<Responder> parked[2];
  Box<bool> left[2];
  std::atomic<int> now = 0;
  const auto park = [&](const HttpRequest&, Responder responder) {
    responder.on_close([&, i = now.load()] { left[i].put(true); });
    parked[now].put(std::move(responder));
  };
  const Running running = serve(park, with_limits(limits));
  for (const int i : {0, 1}) {
    now = i;
    RawClient client(server_->endpoints()[static_cast<std::size_t>(i)]);
    client.say(kGet);
    ASSERT_TRUE(parked[i].wait());
    client.end();
    ASSERT_TRUE(left[i].wait());
    const Responder responder = *parked[i].wait();
    EXPECT_FALSE(responder.waiting());
    responder.send(HttpResponse{});
    Box<bool> late;
    responder.on_close([&] { late.put(true); });
    EXPECT_TRUE(late.wait());
    const Stream stream = responder.start_stream(200, {});
    EXPECT_FALSE(stream.write("x"));
  }
}

TEST_F(ServerTest, HalfClosedClientStillGetsItsAnswers) {
  const Running running = serve(echo);
  for (const Endpoint& endpoint : server_->endpoints()) {
    RawClient client(endpoint);
    client.say(std::string(kGet) + std::string(kGet));
    client.half_close();
    EXPECT_EQ(body_of(client.hear_response()), "GET /x ");
    EXPECT_EQ(body_of(client.hear_response()), "GET /x ");
    EXPECT_TRUE(client.hears_end());
  }
}

TEST_F(ServerTest, HalfClosedClientGetsALateAnswerWithinTheLimit) {
  Box<Responder> parked;
  const Running running = serve([&](const HttpRequest&, Responder responder) { parked.put(std::move(responder)); });
  RawClient client(tcp_side());
  client.say(kGet);
  client.half_close();
  ASSERT_TRUE(parked.wait());
  parked.wait()->send(text_response("late"));
  EXPECT_EQ(body_of(client.hear_response()), "late");
}

TEST_F(ServerTest, StreamIsChunkedAndTheConnectionGoesOn) {
  const Running running = serve([](const HttpRequest& request, const Responder& responder) {
    if (request.path != "/stream") return responder.send(text_response("next"));
    const Stream stream = responder.start_stream(200, {{"Content-Type", "text/event-stream"}});
    EXPECT_TRUE(stream.write("one"));
    EXPECT_TRUE(stream.write(""));
    EXPECT_TRUE(stream.write("two"));
    stream.finish();
    EXPECT_FALSE(stream.write("late"));
  });
  RawClient client(tcp_side());
  client.say("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  const std::string head = client.hear_until("\r\n\r\n");
  EXPECT_NE(head.find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_NE(head.find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_EQ(client.hear_until("0\r\n\r\n"), "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(client.hear_response()), "next");

  RawClient old(tcp_side());
  old.say("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(body_of(old.hear_all()), "onetwo");
}

// Whether the last chunk of a chunked answer is there. The head may end in a 0 too, that of its trace id.
bool ends_its_stream(const std::string& answer) {
  const std::size_t head = answer.find("\r\n\r\n");
  return head != std::string::npos && answer.find("0\r\n\r\n", head + 4) != std::string::npos;
}

TEST_F(ServerTest, UnfinishedStreamCutsTheConnection) {
  const Running running = serve([&](const HttpRequest&, const Responder& responder) {
    const Stream stream = responder.start_stream(200, {});
    stream.write("part");
  });
  for (const Endpoint& endpoint : server_->endpoints()) {
    RawClient client(endpoint);
    client.say(kGet);
    EXPECT_FALSE(ends_its_stream(client.hear_all()));
  }
}

// A producer that waits gets everything through a small pipe, and never holds more than the bound.
TEST_F(ServerTest, StreamBackpressureLosesNothing) {
  constexpr std::size_t kTotal = std::size_t{32} << 20;
  Box<Stream> started;
  Box<std::size_t> most;
  const Running running =
      serve([&](const HttpRequest&, const Responder& responder) { started.put(responder.start_stream(200, {})); });
  RawClient client(unix_side());
  client.say("GET / HTTP/1.0\r\n\r\n");
  std::optional<Stream> stream = started.wait();
  ASSERT_TRUE(stream);
  std::thread producer([&] {
    std::mutex mutex;
    std::condition_variable drained;
    int drains = 0;
    stream->on_drain([&] {
      const std::lock_guard lock(mutex);
      ++drains;
      drained.notify_all();
    });
    std::size_t peak = 0;
    for (std::size_t sent = 0; sent < kTotal;) {
      const int seen = [&] {
        const std::lock_guard lock(mutex);
        return drains;
      }();
      if (stream->buffered() + 65536 > kMaxStreamBuffer) {
        std::unique_lock lock(mutex);
        const bool woken =
            drained.wait_for(lock, kPatience, [&] { return drains != seen || stream->buffered() <= kStreamLowWater; });
        if (!woken) break;
        continue;
      }
      if (!stream->write(std::string(65536, 'x'))) break;
      sent += 65536;
      peak = std::max(peak, stream->buffered());
    }
    stream->finish();
    stream->on_drain(nullptr);
    most.put(peak);
  });
  const std::size_t got = body_of(client.hear_all()).size();
  producer.join();
  EXPECT_EQ(got, kTotal);
  EXPECT_LE(*most.wait(), kMaxStreamBuffer);
}

TEST_F(ServerTest, StreamThatOverflowsIsCutAndSaysSo) {
  Box<Stream> started;
  Box<bool> closed;
  const Running running = serve([&](const HttpRequest&, const Responder& responder) {
    const Stream stream = responder.start_stream(200, {});
    stream.on_close([&] { closed.put(true); });
    started.put(stream);
  });
  RawClient client(unix_side());
  client.say(kGet);
  const std::optional<Stream> stream = started.wait();
  ASSERT_TRUE(stream);
  std::size_t taken = 0;
  while (taken < (std::size_t{64} << 20) && stream->write(std::string(65536, 'x'))) taken += 65536;
  EXPECT_LT(taken, std::size_t{16} << 20);  // the bound plus what the kernel holds
  EXPECT_GE(taken, kMaxStreamBuffer);
  EXPECT_TRUE(closed.wait());
  EXPECT_FALSE(stream->write("x"));
  EXPECT_FALSE(ends_its_stream(client.hear_all()));
}

TEST_F(ServerTest, StreamWriterLearnsThatTheClientLeft) {
  ServerLimits limits;
  limits.half_close = std::chrono::milliseconds(100);
  Box<Stream> started;
  Box<bool> closed;
  const auto follow = [&](const HttpRequest&, const Responder& responder) {
    const Stream stream = responder.start_stream(200, {});
    stream.on_close([&] { closed.put(true); });
    started.put(stream);
  };
  const Running running = serve(follow, with_limits(limits));
  RawClient client(tcp_side());
  client.say(kGet);
  ASSERT_TRUE(started.wait());
  client.end();
  EXPECT_TRUE(closed.wait());
  EXPECT_FALSE(started.wait()->write("x"));
}

TEST_F(ServerTest, UploadIsStreamedChunkedOrNot) {
  const Running running = serve(
      [](const HttpRequest& request, const Responder& responder) {
        ASSERT_TRUE(request.stream);
        const auto bytes = std::make_shared<std::string>();
        request.stream->start([bytes](std::string_view chunk) { *bytes += chunk; },
                              [bytes, responder](const Result<void>& end) {
                                responder.send(text_response(*bytes + (end ? " whole" : " broken")));
                              });
      },
      streamed_bodies());
  for (const Endpoint& endpoint : server_->endpoints()) {
    RawClient client(endpoint);
    client.say("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    client.say("6\r\n world\r\n0\r\n\r\n");
    EXPECT_EQ(body_of(client.hear_response()), "hello world whole");
    client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_EQ(body_of(client.hear_response()), "abc whole");
    client.say(kGet);
    EXPECT_EQ(body_of(client.hear_response()), " whole");
    client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.hear_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.say("def");
    EXPECT_EQ(body_of(client.hear_response()), "def whole");
  }
}

TEST_F(ServerTest, BufferedBodyAnswersExpect) {
  const Running running = serve(echo);
  RawClient client(tcp_side());
  client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.hear_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("abc");
  EXPECT_EQ(body_of(client.hear_response()), "PUT / abc");
}

TEST_F(ServerTest, UploadPausesAndResumesFromAnotherThread) {
  constexpr std::size_t kTotal = std::size_t{8} << 20;
  Box<BodyStream> paused;
  std::atomic<std::size_t> got = 0;
  const auto take = [&](const HttpRequest& request, const Responder& responder) {
    const BodyStream body = *request.stream;
    body.start(
        [&, body](std::string_view chunk) {
          const bool first = got.exchange(got + chunk.size()) == 0;
          if (!first) return;
          body.pause();
          paused.put(body);
        },
        [&, responder](const Result<void>&) { responder.send(text_response(std::to_string(got))); });
  };
  const Running running = serve(take, streamed_bodies());
  RawClient client(unix_side());
  std::thread sender([&] {
    client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    client.say(std::string(kTotal, 'x'));
  });
  const std::optional<BodyStream> body = paused.wait();
  ASSERT_TRUE(body);
  EXPECT_LE(got.load(), kMaxPipelinedBytes);
  body->resume();
  EXPECT_EQ(body_of(client.hear_response()), std::to_string(kTotal));
  sender.join();
}

TEST_F(ServerTest, UploadEndsWithAnErrorWhenItBreaks) {
  Box<Result<void>> end;
  const Running running = serve(
      [&](const HttpRequest& request, const Responder& responder) {
        request.stream->start([](std::string_view) {},
                              [&, responder](Result<void> outcome) { end.put(std::move(outcome)); });
      },
      streamed_bodies(1000));
  const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::pair<std::string, std::string> cases[] = {{"zzz\r\n", "bad_request"},
                                                       {"3e9\r\n" + std::string(1001, 'x'), "body_too_large"}};
  for (const auto& [body, reason] : cases) {
    RawClient client(unix_side());
    client.say(head + body);
    EXPECT_NE(client.hear_all().find(reason), std::string::npos);
    // The end is told before the answer is sent.
    const std::optional<Result<void>> outcome = end.wait();
    ASSERT_TRUE(outcome && !outcome->ok());
    EXPECT_EQ(outcome->error().reason, reason);
  }
}

TEST_F(ServerTest, UploadWhoseClientLeavesEndsAsGone) {
  Box<Result<void>> end;
  Box<bool> first;
  const Running running = serve(
      [&](const HttpRequest& request, const Responder& responder) {
        request.stream->start([&](std::string_view) { first.put(true); },
                              [&, responder](Result<void> outcome) { end.put(std::move(outcome)); });
      },
      streamed_bodies());
  RawClient client(tcp_side());
  client.say("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  ASSERT_TRUE(first.wait());
  client.end();
  const std::optional<Result<void>> outcome = end.wait();
  ASSERT_TRUE(outcome);
  ASSERT_FALSE(outcome->ok());
  EXPECT_EQ(outcome->error().reason, "client_gone");
}

// The answer must arrive although the client is still sending: closing with unread bytes would reset it away.
TEST_F(ServerTest, AnswerBeforeTheBodysEndArrives) {
  const Running running =
      serve([](const HttpRequest&, const Responder& responder) { responder.send(conflict("exists", "it is here")); },
            streamed_bodies());
  RawClient client(tcp_side());
  client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + std::string(200'000, 'x'));
  const std::string response = client.hear_all();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 409 ")) << response;
  EXPECT_NE(response.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, BuffersNoMoreBodiesThanAllowed) {
  ServerLimits limits;
  limits.buffered_bodies = Bytes{1000};
  const Running running = serve(echo, with_limits(limits));
  RawClient holder(tcp_side());
  holder.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n" + std::string(899, 'x'));
  RawClient other(tcp_side());
  std::string answer;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  // The first body is counted when it arrives, which this side cannot see.
  while (!answer.starts_with("HTTP/1.1 503") && std::chrono::steady_clock::now() < give_up) {
    RawClient client(tcp_side());
    client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\n" + std::string(200, 'y'));
    answer = client.hear_response();
  }
  EXPECT_NE(answer.find("too_many_bytes"), std::string::npos);
  holder.say("x");
  EXPECT_TRUE(holder.hear_response().starts_with("HTTP/1.1 200"));
  other.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\n" + std::string(200, 'y'));
  EXPECT_TRUE(other.hear_response().starts_with("HTTP/1.1 200"));
}

TEST_F(ServerTest, RefusesConnectionsBeyondTheLimit) {
  ServerLimits limits;
  limits.max_connections = 2;
  const Running running = serve(echo, with_limits(limits));
  RawClient first(tcp_side());
  first.say(kGet);
  first.hear_response();
  RawClient second(tcp_side());
  second.say(kGet);
  second.hear_response();
  RawClient third(tcp_side());
  third.say(kGet);
  const std::string response = third.hear_all();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 503 ")) << response;
  EXPECT_NE(response.find("Retry-After: 1"), std::string::npos);
  first.say(kGet);
  EXPECT_TRUE(first.hear_response().starts_with("HTTP/1.1 200"));
}

TEST_F(ServerTest, HoldsTwoThousandParkedConnections) {
  constexpr std::size_t kParked = 2000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::max<rlim_t>(files.rlim_cur, std::min<rlim_t>(files.rlim_max, 8192));
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2 * kParked + 100) GTEST_SKIP() << "this host allows too few open files";
  std::mutex mutex;
  std::vector<Responder> parked;
  Box<bool> all;
  ServerOptions options;
  options.threads = 2;
  const auto park = [&](const HttpRequest&, Responder responder) {
    const std::lock_guard lock(mutex);
    parked.push_back(std::move(responder));
    if (parked.size() == kParked) all.put(true);
  };
  const Running running = serve(park, options);
  std::vector<RawClient> clients;
  clients.reserve(kParked);
  for (std::size_t i = 0; i < kParked; ++i) {
    clients.emplace_back(i % 2 == 0 ? unix_side() : tcp_side());
    ASSERT_TRUE(clients.back().say(kGet));
  }
  ASSERT_TRUE(all.wait());
  EXPECT_EQ(server_->stats().connections, kParked);
  for (const Responder& responder : parked) responder.send(text_response("go"));
  for (RawClient& client : clients) ASSERT_EQ(body_of(client.hear_response()), "go");
}

TEST_F(ServerTest, StopLetsWorkEndWithinItsGrace) {
  Box<Responder> parked;
  const Running running = serve([&](const HttpRequest&, Responder responder) { parked.put(std::move(responder)); });
  RawClient idle(tcp_side());
  RawClient busy(unix_side());
  busy.say(kGet);
  const std::optional<Responder> responder = parked.wait();
  ASSERT_TRUE(responder);
  std::thread stopper([&] { server_->stop(kPatience); });
  EXPECT_TRUE(idle.hears_end());  // so the drain has begun
  EXPECT_FALSE(RawClient(unix_side()).connected());
  responder->send(text_response("done"));
  const std::string response = busy.hear_all();
  EXPECT_EQ(body_of(response), "done");
  EXPECT_NE(response.find("Connection: close"), std::string::npos);
  busy.end();
  stopper.join();
  EXPECT_FALSE(std::filesystem::exists(dir_ / "s"));
}

TEST_F(ServerTest, StopClosesWhatIsLeftAndHandlesOutliveIt) {
  Box<Responder> parked;
  Box<bool> closed;
  const Running running = serve([&](const HttpRequest& request, Responder responder) {
    responder.on_close([&] { closed.put(true); });
    if (request.stream) request.stream->start([](std::string_view) {}, [](const Result<void>&) {});
    parked.put(std::move(responder));
  });
  RawClient client(unix_side());
  client.say(kGet);
  ASSERT_TRUE(parked.wait());
  server_->stop(Duration::zero());
  EXPECT_TRUE(closed.wait());
  EXPECT_TRUE(client.hears_end());
  server_.reset();
  const Responder responder = *parked.wait();
  responder.send(HttpResponse{});
  EXPECT_FALSE(responder.waiting());
  EXPECT_FALSE(responder.start_stream(200, {}).write("x"));
}

// A thread that is late finds the end and a due tick in one queue, in this order: the tick must not keep it alive.
TEST_F(ServerTest, StopEndsAThreadThatWasLate) {
  ServerLimits limits;
  limits.linger = std::chrono::milliseconds(20);  // the tick is a quarter of it
  Box<bool> busy;
  const auto dawdle = [&](const HttpRequest&, const Responder&) {
    busy.put(true);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  const Running running = serve(dawdle, with_limits(limits));
  RawClient client(unix_side());
  client.say(kGet);
  ASSERT_TRUE(busy.wait());
  server_->stop(Duration::zero());
  EXPECT_EQ(server_->stats().connections, 0u);
}

TEST_F(ServerTest, ReplacesAStaleSocketOnly) {
  const Running running = serve(echo);
  struct stat info {};
  ASSERT_EQ(stat((dir_ / "s").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  ServerOptions again;
  again.listen = {{unix_side(), true}};
  const Result<HttpServer> taken = HttpServer::start(again, echo);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
  EXPECT_EQ(taken.error().reason, "address_in_use");
  again.listen = {{tcp_side(), true}};
  EXPECT_EQ(HttpServer::start(again, echo).error().reason, "address_in_use");
  RawClient client(unix_side());
  client.say(kGet);
  EXPECT_TRUE(client.hear_response().starts_with("HTTP/1.1 200"));

  // A socket whose process died without cleaning up.
  const std::string stale = dir_ / "stale";
  {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, stale.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    close(fd);
  }
  again.listen = {{unix_endpoint(stale), false}};
  {
    Result<HttpServer> replaced = HttpServer::start(again, echo);
    ASSERT_TRUE(replaced.ok()) << to_string(replaced.error());
    ASSERT_EQ(stat(stale.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0666u);
    EXPECT_TRUE(RawClient(unix_endpoint(stale)).connected());
  }
  EXPECT_FALSE(std::filesystem::exists(stale));

  // A plain file is never removed.
  const std::string file = dir_ / "file";
  close(open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  again.listen = {{unix_endpoint(file), true}};
  EXPECT_EQ(HttpServer::start(again, echo).error().reason, "address_in_use");
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  ServerOptions options;
  options.listen = {{Endpoint{Scheme::kHttps, "127.0.0.1", 0, ""}, true}};
  EXPECT_EQ(HttpServer::start(options, echo).error().reason, "bad_listen_address");
  options.listen = {{unix_endpoint(dir_ / "no/such/dir"), true}};
  const Result<HttpServer> missing = HttpServer::start(options, echo);
  EXPECT_EQ(missing.error().reason, "cannot_listen");
  EXPECT_NE(missing.error().message.find("no/such/dir"), std::string::npos);
}

}  // namespace
}  // namespace unik::wire
