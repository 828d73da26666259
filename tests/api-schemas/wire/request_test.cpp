#include <gtest/gtest.h>

#include "wire/http_server.hpp"
#include "wire/request_parser.hpp"
#include "wire/request_target.hpp"

namespace unik::wire {
namespace {

TEST(RequestTarget, DecodesPathAndQuery) {
  const Result<RequestTarget> target = parse_request_target("/v1/logs/w%65b?follow=1&q=a%20b+c&empty&x=%26");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/v1/logs/web");
  const std::map<std::string, std::string> want = {{"follow", "1"}, {"q", "a b c"}, {"empty", ""}, {"x", "&"}};
  EXPECT_EQ(target->query, want);
  EXPECT_EQ(parse_request_target("http://other/a?b=c")->path, "/a");
  EXPECT_EQ(parse_request_target("http://other")->path, "/");
  EXPECT_EQ(parse_request_target("/")->path, "/");
  EXPECT_EQ(parse_request_target("/a/")->path, "/a/");
}

TEST(RequestTarget, RefusesWhatTwoReadersCouldReadTwoWays) {
  for (const char* text : {"", "*", "v1", "//a", "/a//b", "/../etc", "/a/..", "/a/%2e%2e/b", "/./a", "/a%2Fb", "/a%00",
                           "/a%0d%0a", "/a%", "/a%2", "/a%zz", "/a#b", "/a?b=%", "/a?b=1&b=2", "host:443"}) {
    const Result<RequestTarget> target = parse_request_target(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(target.error().reason, "bad_request");
  }
}

// What a parser makes of `text` given in pieces: the bodies of the requests, joined by `|`, then the refusal's status.
std::string read_requests(std::string_view text, std::size_t piece) {
  RequestParser parser;
  std::string out;
  std::string kept;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    kept += text.substr(at, piece);
    for (bool more = true; more;) {
      const RequestParser::Progress progress = parser.next(kept);
      const std::string body(progress.step == RequestParser::Step::kBody ? parser.body() : std::string_view());
      kept.erase(0, progress.consumed);
      switch (progress.step) {
        case RequestParser::Step::kNeedMore:
          more = false;
          break;
        case RequestParser::Step::kHead:
          out += parser.head().method + " " + parser.head().target + " ";
          break;
        case RequestParser::Step::kBody:
          out += body;
          break;
        case RequestParser::Step::kDone:
          out += '|';
          parser.reset();
          break;
        case RequestParser::Step::kRefused:
          return out + std::to_string(parser.refusal().status) + " " + parser.refusal().error.reason;
      }
    }
  }
  return out;
}

struct ParseCase {
  const char* text;
  const char* want;
};

TEST(RequestParser, ReadsTheSameInPiecesOfAnySize) {
  const ParseCase cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / |"},
      {"\r\n\r\nGET / HTTP/1.0\r\n\r\n", "GET / |"},
      {"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
       "POST /a hello|GET /b |"},
      {"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n1\r\n!\r\n0\r\nT: "
       "r\r\n\r\nGET /b "
       "HTTP/1.1\r\nHost: h\r\n\r\n",
       "POST /a hello!|GET /b |"},
      {"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "PUT /a |"},
      {"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST /a |"},
  };
  for (const ParseCase& c : cases)
    for (std::size_t piece = 1; piece <= std::string_view(c.text).size(); ++piece)
      EXPECT_EQ(read_requests(c.text, piece), c.want) << c.text << " in pieces of " << piece;
}

TEST(RequestParser, RefusesSmuggling) {
  const ParseCase cases[] = {
      // Two lengths, in either order and spelling.
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello", "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello", "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello", "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", "400 bad_request"},
      // Codings that another reader may take for chunked.
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", "501 unsupported_transfer_encoding"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501 unsupported_transfer_encoding"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
       "501 unsupported_transfer_encoding"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400 bad_request"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n", "400 bad_request"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 bad_request"},
      // Lines.
      {"GET / HTTP/1.1\nHost: h\n\n\r\n\r\n", "505 unsupported_version"},
      {"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", "400 bad_request"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a", "400 bad_request"},  // completed below
      {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 bad_request"},
      {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400 bad_request"},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505 unsupported_version"},
      {"GET /\r\n\r\n", "400 bad_request"},
      {"\x16\x03\x01\x02", "400 bad_request"},
      // Hosts.
      {"GET / HTTP/1.1\r\n\r\n", "400 missing_host"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 missing_host"},
      {"GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n", "400 bad_request"},
      {"GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", "417 bad_request"},
  };
  for (const ParseCase& c : cases) {
    // A literal cannot hold the NUL that this case is about.
    std::string text = c.text;
    if (text.ends_with("X: a")) text += std::string("\0b\r\n\r\n", 6);
    EXPECT_EQ(read_requests(text, text.size()), c.want) << text;
    EXPECT_EQ(read_requests(text, 1), c.want) << text;
  }
}

TEST(RequestParser, RefusesBadChunksAfterTheHead) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string more = "\r\n0\r\n\r\n";  // so that nothing is left to wait for
  for (const char* body :
       {"g\r\n", "5\r\nhelloX", "5 \nhello", "-1\r\n", "fffffffffffffffff\r\n", "0x5\r\nhello\r\n", "\r\n"}) {
    EXPECT_TRUE(read_requests(head + body + more, 1000).ends_with("400 bad_request")) << body;
    EXPECT_TRUE(read_requests(head + body + more, 1).ends_with("400 bad_request")) << body;
  }
}

// Damaged requests, cut at random places: never a crash, and never another reading because of where they were cut.
TEST(RequestParser, DamagedInputReadsTheSameHoweverItIsCut) {
  const std::string seeds[] = {
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: r\r\n\r\nGET /b "
      "HTTP/1.1\r\nHost: "
      "h\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nA: b\r\n c\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
      "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  };
  constexpr std::string_view kBytes = "\r\n:; 0159afgGT/,\t\0=\"";
  std::uint64_t state = 42;
  const auto random = [&](std::size_t below) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(state >> 33) % below;
  };
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seeds[random(std::size(seeds))];
    for (std::size_t changes = random(4); changes > 0; --changes) {
      const std::size_t at = random(text.size());
      switch (random(3)) {
        case 0:
          text[at] = kBytes[random(kBytes.size())];
          break;
        case 1:
          text.insert(at, 1, kBytes[random(kBytes.size())]);
          break;
        default:
          text.erase(at, 1 + random(3));
      }
    }
    // What is cut off at the end may be judged earlier or later, so one reading may be the beginning of the other.
    const std::string whole = read_requests(text, text.size());
    const std::string pieces = read_requests(text, 1 + random(20));
    ASSERT_TRUE(whole.starts_with(pieces) || pieces.starts_with(whole)) << text << "\n" << whole << "\n" << pieces;
  }
}

TEST(RequestParser, BoundsTheHeadAndEachChunkLine) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string many_fields = [&] {
    std::string text = start;
    for (std::size_t i = 0; i <= kMaxHeaderFields; ++i) text += "A: b\r\n";
    return text + "\r\n";
  }();
  // Each piece is parsed and let go, so only a sum of the whole can see it.
  std::string many_bytes = start;
  while (many_bytes.size() < kMaxHeaderBytes) many_bytes += "A: " + std::string(1000, 'b') + "\r\n";
  many_bytes += "\r\n";
  for (const std::string& text : {many_fields, many_bytes, start + "A: " + std::string(kMaxHeaderBytes, 'b'),
                                  "GET /" + std::string(kMaxHeaderBytes, 'a')})
    for (const std::size_t piece : {text.size(), std::size_t{1000}})
      EXPECT_EQ(read_requests(text, piece), "431 header_too_large");
  const std::string chunk =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(2 * kMaxPipelinedBytes, 'x');
  EXPECT_EQ(read_requests(chunk, 1000), "POST / 400 bad_request");
}

}  // namespace
}  // namespace unik::wire
