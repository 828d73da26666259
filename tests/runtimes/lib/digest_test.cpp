#include "runtimes/lib/oci/digest.hpp"

#include <gtest/gtest.h>

namespace unik::runtimes {
namespace {

TEST(Digest, PrintsAndParses) {
  const Digest digest = sha256("");
  EXPECT_EQ(to_string(digest), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(*parse_digest(to_string(digest)), digest);
  Sha256 streamed;
  streamed.update("ab");
  streamed.update("c");
  EXPECT_EQ(streamed.finish(), sha256("abc"));
}

TEST(Digest, RefusesWhatIsNoDigest) {
  const std::string good = to_string(sha256("x"));
  for (const std::string& bad : {std::string(), std::string("sha256:"), good.substr(1), good + "0", good.substr(0, 70),
                                 "SHA256:" + good.substr(7), "sha256:" + std::string(64, 'G')})
    EXPECT_EQ(parse_digest(bad).error().reason, "bad_digest") << bad;
}

}  // namespace
}  // namespace unik::runtimes
