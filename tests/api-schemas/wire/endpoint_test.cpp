#include "wire/endpoint.hpp"

#include <gtest/gtest.h>

namespace unik::wire {
namespace {

TEST(Endpoint, ParsesAndPrintsEachForm) {
  struct Case {
    const char* text;
    Endpoint endpoint;
    const char* printed;
  };
  const Case cases[] = {
      {"http://127.0.0.1:8080", {Scheme::kHttp, "127.0.0.1", 8080, ""}, "http://127.0.0.1:8080"},
      {"http://host/", {Scheme::kHttp, "host", 80, ""}, "http://host:80"},
      {"https://a.example.com", {Scheme::kHttps, "a.example.com", 443, ""}, "https://a.example.com:443"},
      {"http://[::1]:9", {Scheme::kHttp, "::1", 9, ""}, "http://[::1]:9"},
      {"unix:///run/u.sock", {Scheme::kUnix, "", 0, "/run/u.sock"}, "unix:///run/u.sock"},
  };
  for (const Case& c : cases) {
    const Result<Endpoint> parsed = parse_endpoint(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(*parsed, c.endpoint) << c.text;
    EXPECT_EQ(to_string(*parsed), c.printed);
    EXPECT_EQ(*parse_endpoint(to_string(*parsed)), c.endpoint);
  }
}

TEST(Endpoint, RefusesWhatItDoesNotMean) {
  for (const std::string text : {"", "host:80", "ftp://h", "http://", "http://h:65536", "http://h:", "http://h:+1",
                                 "http://h:1x", "http://user@h", "http://h/path", "http://h?q", "http://[::1",
                                 "http://[zz]", "http://::1", "unix://rel", "unix:/x", "http://h h", "http://h\r\nx"}) {
    const Result<Endpoint> parsed = parse_endpoint(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(parsed.error().reason, "bad_endpoint");
  }
  EXPECT_TRUE(parse_endpoint("unix:///" + std::string(106, 'a')).ok());
  EXPECT_FALSE(parse_endpoint("unix:///" + std::string(107, 'a')).ok());
}

TEST(Url, SplitsEndpointAndTarget) {
  const Result<Url> url = parse_url("https://r.example:5000/v2/x/uploads/1?_state=a%2Fb#frag");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->endpoint, (Endpoint{Scheme::kHttps, "r.example", 5000, ""}));
  EXPECT_EQ(url->target, "/v2/x/uploads/1?_state=a%2Fb");
  EXPECT_EQ(parse_url("http://h")->target, "/");
  EXPECT_EQ(parse_url("http://h?q=1")->target, "/?q=1");
  for (const char* text : {"unix:///x", "http:///x", "http://h/a b", "/v2/x", "http://u@h/"})
    EXPECT_FALSE(parse_url(text).ok()) << text;
}

TEST(Endpoint, KnowsLoopback) {
  EXPECT_TRUE(is_loopback({Scheme::kHttp, "127.8.9.1", 1, ""}));
  EXPECT_TRUE(is_loopback({Scheme::kHttp, "localhost", 1, ""}));
  EXPECT_TRUE(is_loopback({Scheme::kHttps, "::1", 1, ""}));
  EXPECT_FALSE(is_loopback({Scheme::kHttp, "127.example.com", 1, ""}));
  EXPECT_FALSE(is_loopback({Scheme::kHttp, "10.0.0.1", 1, ""}));
}

TEST(Endpoint, EncodesForTargets) {
  EXPECT_EQ(percent_encode("a/b c~é"), "a%2Fb%20c~%C3%A9");
}

}  // namespace
}  // namespace unik::wire
