#include "agent/labels.hpp"

#include <gtest/gtest.h>

#include "api/labels.hpp"

namespace unik::agent {
namespace {

TEST(AgentLabels, AreReadAsKeyAndValue) {
  const Result<Labels> labels = parse_labels({"zone=a", "example.org/rack=r-1", "spare="});
  ASSERT_TRUE(labels.ok()) << to_string(labels.error());
  EXPECT_EQ(*labels, (Labels{{"zone", "a"}, {"example.org/rack", "r-1"}, {"spare", ""}}));
}

TEST(AgentLabels, ThatTheControllerWouldRefuseAreRefusedAtTheStart) {
  const std::pair<const char*, const char*> cases[] = {
      {"zone", "--label: want KEY=VALUE, got `zone`"},
      {"=a", "--label: want KEY=VALUE, got `=a`"},
      {"a b=c",
       "--label: want a label of 1 to 128 letters, digits, `.`, `_`, `/` and `-`, beginning and ending with a letter "
       "or "
       "digit, got `a b`"},
      {"a=c d",
       "--label: want a value of at most 63 letters, digits, `.`, `_` and `-`, beginning and ending with a letter or "
       "digit, got `c d`"},
      {"unikctl.dev/name=n2",
       "--label: want another label, since what begins with `unikctl.dev/` a node says of itself, got "
       "`unikctl.dev/name`"}};
  for (const auto& [text, message] : cases) {
    const Result<Labels> labels = parse_labels({"zone=a", text});
    ASSERT_FALSE(labels.ok()) << text;
    EXPECT_EQ(labels.error().reason, "bad_label");
    EXPECT_EQ(labels.error().message, message);
  }
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= kMaxLabels; ++i) many.push_back("l" + std::to_string(i) + "=x");
  EXPECT_FALSE(parse_labels(many).ok());
  many.pop_back();
  EXPECT_TRUE(parse_labels(many).ok());
}

}  // namespace
}  // namespace unik::agent
