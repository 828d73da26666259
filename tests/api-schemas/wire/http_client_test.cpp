#include "wire/http_client.hpp"

#include <array>
#include <atomic>
#include <fstream>
#include <thread>

#include "wire_fixture.hpp"

namespace unik::wire {
namespace {

using Outcome = Result<ClientResponse>;

ClientRequest get(const Endpoint& endpoint, std::string target = "/") {
  ClientRequest request;
  request.endpoint = endpoint;
  request.target = std::move(target);
  return request;
}

class ClientTest : public ServerTest {
 protected:
  Running serve_echo() {
    return serve([](HttpRequest request, const Responder& responder) {
      HttpResponse response = text_response(request.method + " " + request.path + " " + request.body);
      response.status = request.path == "/missing" ? 404 : 200;
      response.headers.add("X-Echo", std::string(request.headers.get("X-Say")));
      responder.send(response);
    });
  }
};

TEST_F(ClientTest, FetchesOverUnixAndTcp) {
  const Running running = serve_echo();
  for (const Endpoint& endpoint : server_->endpoints()) {
    ClientRequest request = get(endpoint, "/a%20b");
    request.method = "PATCH";
    request.body = "hello";
    request.headers.add("X-Say", "ho");
    const Outcome outcome = fetch(request);
    ASSERT_TRUE(outcome.ok()) << to_string(outcome.error());
    EXPECT_EQ(outcome->status, 200);
    EXPECT_EQ(outcome->body, "PATCH /a b hello");
    EXPECT_EQ(outcome->headers.get("x-echo"), "ho");
    EXPECT_EQ(fetch(get(endpoint, "/missing"))->status, 404);
    request = get(endpoint);
    request.method = "HEAD";
    EXPECT_EQ(fetch(request)->body, "");
  }
}

TEST_F(ClientTest, LargeBodiesPassWithoutDelay) {
  ServerOptions options;
  options.body_policy = [](std::string_view, std::string_view) { return BodyPolicy{false, 64 << 20}; };
  const Running running = serve(
      [](HttpRequest request, const Responder& responder) { responder.send(text_response(std::move(request.body))); },
      options);
  ClientRequest request = get(unix_side());
  request.method = "PUT";
  request.body = std::string(8 << 20, 'z');
  EXPECT_EQ(fetch(request)->body, request.body);
}

TEST_F(ClientTest, ManyTransfersAtOnceEachAnswerOnce) {
  const Running running = serve_echo();
  constexpr int kAll = 200;
  HttpClient client;
  std::atomic<int> answered = 0;
  Box<bool> done;
  for (int i = 0; i < kAll; ++i)
    client.send(get(server_->endpoints()[static_cast<std::size_t>(i % 2)], "/" + std::to_string(i)),
                [&, i](const Outcome& outcome) {
                  EXPECT_TRUE(outcome.ok() && outcome->body == "GET /" + std::to_string(i) + " ");
                  if (++answered == kAll) done.put(true);
                });
  EXPECT_TRUE(done.wait());
}

TEST_F(ClientTest, ACallbackMaySendTheNextRequest) {
  const Running running = serve_echo();
  HttpClient client;
  Box<std::string> second;
  client.send(get(unix_side(), "/1"), [&](const Outcome&) {
    client.send(get(unix_side(), "/2"), [&](const Outcome& outcome) { second.put(outcome ? outcome->body : ""); });
  });
  EXPECT_EQ(second.wait(), "GET /2 ");
}

TEST_F(ClientTest, CancelsAParkedRequestAndTheServerNotices) {
  Box<bool> left;
  Box<Responder> parked;
  const Running running = serve([&](const HttpRequest&, Responder responder) {
    responder.on_close([&] { left.put(true); });
    parked.put(std::move(responder));
  });
  HttpClient client;
  Box<Outcome> outcome;
  ClientRequest request = get(unix_side());
  request.total_timeout = Duration::zero();
  const Transfer transfer = client.send(std::move(request), [&](Outcome o) { outcome.put(std::move(o)); });
  ASSERT_TRUE(parked.wait());
  transfer.cancel();
  transfer.cancel();
  ASSERT_TRUE(outcome.wait());
  EXPECT_EQ(outcome.wait()->error().reason, "cancelled");
  EXPECT_TRUE(left.wait());
  EXPECT_EQ(outcome.count(), 1);
}

TEST_F(ClientTest, EndOfTheClientCancelsWhatIsUnderWay) {
  Box<Responder> parked;
  const Running running = serve([&](const HttpRequest&, Responder responder) { parked.put(std::move(responder)); });
  Box<Outcome> outcome;
  Transfer transfer;
  {
    HttpClient client;
    transfer = client.send(get(unix_side()), [&](Outcome o) { outcome.put(std::move(o)); });
    ASSERT_TRUE(parked.wait());
  }
  EXPECT_EQ(outcome.count(), 1);
  EXPECT_EQ(outcome.wait()->error().reason, "cancelled");
  transfer.cancel();
  transfer.resume_upload();
}

TEST_F(ClientTest, TimesOut) {
  Box<Responder> parked;
  const Running running = serve([&](const HttpRequest&, Responder responder) { parked.put(std::move(responder)); });
  ClientRequest request = get(tcp_side());
  request.total_timeout = std::chrono::milliseconds(50);
  const Outcome whole = fetch(request);
  ASSERT_FALSE(whole.ok());
  EXPECT_EQ(whole.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(whole.error().reason, "request_timeout");
  request.total_timeout = Duration::zero();
  request.stall_timeout = std::chrono::seconds(1);
  EXPECT_EQ(fetch(request).error().reason, "stalled");
}

TEST_F(ClientTest, SaysWhyThereIsNoAnswer) {
  const Outcome no_socket = fetch(get(unix_endpoint(dir_ / "none")));
  ASSERT_FALSE(no_socket.ok());
  EXPECT_EQ(no_socket.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(no_socket.error().reason, "connection_refused");
  EXPECT_NE(no_socket.error().message.find("none (No such file or directory); start it"), std::string::npos)
      << no_socket.error().message;

  const Running running = serve_echo();
  const Endpoint was = tcp_side();
  server_->stop(Duration::zero());
  EXPECT_EQ(fetch(get(was)).error().reason, "connection_refused");
}

TEST_F(ClientTest, LostConnectionIsAnErrorNotAShortAnswer) {
  const Running running =
      serve([](const HttpRequest&, const Responder& responder) { responder.start_stream(200, {}).write("part"); });
  EXPECT_EQ(fetch(get(tcp_side())).error().reason, "connection_lost");
}

TEST_F(ClientTest, BoundsAnswers) {
  const Running running = serve(
      [](const HttpRequest&, const Responder& responder) { responder.send(text_response(std::string(1001, 'x'))); });
  ClientRequest request = get(unix_side());
  request.max_response_bytes = 1000;
  EXPECT_EQ(fetch(request).error().reason, "response_too_large");
  request.max_response_bytes = 1001;
  EXPECT_EQ(fetch(request)->body.size(), 1001u);
}

TEST_F(ClientTest, SinkTakesGoodAnswersOnly) {
  const Running running = serve([](const HttpRequest& request, const Responder& responder) {
    if (request.path == "/bad") return responder.send(not_found("no_such_blob", "no blob"));
    responder.send(text_response(std::string(300'000, 'x')));
  });
  std::size_t got = 0;
  ClientRequest request = get(unix_side());
  request.max_response_bytes = 1000;
  request.sink = [&](std::string_view chunk) { return got += chunk.size(), true; };
  const Outcome good = fetch(request);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(got, 300'000u);
  EXPECT_EQ(good->body, "");
  request.target = "/bad";
  const Outcome bad = fetch(request);
  EXPECT_EQ(got, 300'000u);
  EXPECT_EQ(error_of(*bad).reason, "no_such_blob");
  request.target = "/";
  request.sink = [](std::string_view) { return false; };
  EXPECT_EQ(fetch(request).error().reason, "aborted");
}

// A console push: it pauses when there is nothing, goes on when there is, and the server sees each piece at once.
TEST_F(ClientTest, UploadFollowsItsSourceWhileTheServerReads) {
  Box<std::string> seen;
  ServerOptions options;
  options.body_policy = [](std::string_view, std::string_view) { return BodyPolicy{true, UINT64_MAX}; };
  const Running running = serve(
      [&](const HttpRequest& request, const Responder& responder) {
        const auto all = std::make_shared<std::string>();
        request.stream->start(
            [&, all](std::string_view chunk) {
              *all += chunk;
              seen.put(*all);
            },
            [all, responder](const Result<void>& end) { responder.send(text_response(*all + (end ? "|" : "?"))); });
      },
      options);
  for (const Endpoint& endpoint : server_->endpoints()) {
    HttpClient client;
    std::mutex mutex;
    std::string next = "a";
    bool over = false;
    Box<Outcome> outcome;
    ClientRequest request = get(endpoint);
    request.method = "POST";
    request.total_timeout = Duration::zero();
    request.upload = [&](std::size_t) -> UploadChunk {
      const std::lock_guard lock(mutex);
      if (!next.empty()) return {UploadChunk::Kind::kData, std::exchange(next, "")};
      return {over ? UploadChunk::Kind::kEnd : UploadChunk::Kind::kPause, ""};
    };
    const Transfer transfer = client.send(std::move(request), [&](Outcome o) { outcome.put(std::move(o)); });
    const auto wait_for = [&](const std::string& text) {
      for (auto end = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < end;) {
        if (seen.wait() == text) return true;
        std::this_thread::yield();
      }
      return false;
    };
    ASSERT_TRUE(wait_for("a"));
    {
      const std::lock_guard lock(mutex);
      next = "b";
    }
    transfer.resume_upload();
    ASSERT_TRUE(wait_for("ab"));
    {
      const std::lock_guard lock(mutex);
      over = true;
    }
    transfer.resume_upload();
    ASSERT_TRUE(outcome.wait() && outcome.wait()->ok());
    EXPECT_EQ(outcome.wait()->value().body, "ab|");
  }
}

TEST_F(ClientTest, UploadOfKnownSizeAndItsAbort) {
  ServerOptions options;
  options.body_policy = [](std::string_view, std::string_view) { return BodyPolicy{true, UINT64_MAX}; };
  Box<std::string> end;
  const Running running = serve(
      [&](const HttpRequest& request, const Responder& responder) {
        const auto bytes = std::make_shared<std::size_t>(0);
        const std::string length(request.headers.get("Content-Length"));
        request.stream->start([bytes](std::string_view chunk) { *bytes += chunk.size(); },
                              [&, bytes, length, responder](const Result<void>& outcome) {
                                end.put(outcome ? "whole" : outcome.error().reason);
                                responder.send(text_response(length + " " + std::to_string(*bytes)));
                              });
      },
      options);
  constexpr std::size_t kSize = std::size_t{5} << 20;
  std::size_t left = kSize;
  ClientRequest request = get(unix_side());
  request.method = "PUT";
  request.upload_size = kSize;
  request.upload = [&](std::size_t room) -> UploadChunk {
    const std::size_t n = std::min(room, left);
    left -= n;
    return n == 0 ? UploadChunk{} : UploadChunk{UploadChunk::Kind::kData, std::string(n, 'x')};
  };
  const Outcome outcome = fetch(request);
  ASSERT_TRUE(outcome.ok()) << to_string(outcome.error());
  EXPECT_EQ(outcome->body, std::to_string(kSize) + " " + std::to_string(kSize));
  EXPECT_EQ(end.wait(), "whole");

  request.upload = [](std::size_t) { return UploadChunk{UploadChunk::Kind::kAbort, ""}; };
  EXPECT_EQ(fetch(request).error().reason, "aborted");
}

TEST_F(ClientTest, FetchAsksAPausedSourceAgain) {
  ServerOptions options;
  options.body_policy = [](std::string_view, std::string_view) { return BodyPolicy{false, 1000}; };
  const Running running = serve(
      [](HttpRequest request, const Responder& responder) { responder.send(text_response(request.body)); }, options);
  int asked = 0;
  ClientRequest request = get(unix_side());
  request.method = "POST";
  request.upload = [&](std::size_t) -> UploadChunk {
    ++asked;
    if (asked == 1) return {UploadChunk::Kind::kPause, ""};
    if (asked == 2) return {UploadChunk::Kind::kData, "late"};
    return {};
  };
  EXPECT_EQ(fetch(request)->body, "late");
}

TEST_F(ClientTest, FollowsRedirectsOnlyWhereAsked) {
  const Running running = serve([](const HttpRequest& request, const Responder& responder) {
    HttpResponse response = text_response("there");
    if (request.path == "/from") {
      response.status = 307;
      response.headers.add("Location", "/to");
    }
    responder.send(response);
  });
  EXPECT_EQ(fetch(get(tcp_side(), "/from"))->status, 307);
  ClientRequest request = get(tcp_side(), "/from");
  request.max_redirects = 3;
  EXPECT_EQ(fetch(request)->body, "there");
}

TEST_F(ClientTest, SaysWhoItIsByNetrcOnlyToTheHostThatIsNamedThere) {
  const Running running = serve([](const HttpRequest& request, const Responder& responder) {
    responder.send(text_response(std::string(request.headers.get("Authorization"))));
  });
  const std::string file = dir_ / "netrc";
  ClientRequest request = get(tcp_side());
  request.netrc = file;
  EXPECT_EQ(fetch(request)->body, "") << "a file that is not there names nobody";
  std::ofstream(file) << "machine 127.0.0.2 login eve password other\nmachine 127.0.0.1 login ann password s3cret\n";
  EXPECT_EQ(fetch(request)->body, "Basic YW5uOnMzY3JldA==");
  EXPECT_EQ(fetch(get(tcp_side()))->body, "") << "only where it is asked for";
  std::ofstream(file) << "machine 127.0.0.2 login eve password other\n";
  EXPECT_EQ(fetch(request)->body, "");
}

TEST(ErrorOf, ReadsTheEnvelopeOrTheStatus) {
  const HttpResponse sent = error_response(conflict("stale_generation", "want 3, got 2"), std::string(32, 'b'));
  Error want = conflict("stale_generation", "want 3, got 2");
  want.trace_id = std::string(32, 'b');
  EXPECT_EQ(error_of({sent.status, {}, sent.body}), want);
  const std::pair<int, ErrorCode> cases[] = {{401, ErrorCode::kUnauthorized}, {403, ErrorCode::kForbidden},
                                             {404, ErrorCode::kNotFound},     {429, ErrorCode::kExhausted},
                                             {502, ErrorCode::kUnavailable},  {503, ErrorCode::kUnavailable},
                                             {500, ErrorCode::kInternal}};
  for (const auto& [status, code] : cases) EXPECT_EQ(error_of({status, {}, "<html>"}).code, code) << status;
}

}  // namespace
}  // namespace unik::wire
