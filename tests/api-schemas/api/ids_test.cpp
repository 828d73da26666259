#include "api/ids.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace unik {
namespace {

std::string generated_label() {
  static constexpr std::string_view kInner = "abcz019-";
  static constexpr std::string_view kOuter = "abcz019";
  std::string text(*rc::gen::inRange<std::size_t>(1, 64), 'a');
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view from = i == 0 || i + 1 == text.size() ? kOuter : kInner;
    text[i] = from[*rc::gen::inRange<std::size_t>(0, from.size())];
  }
  return text;
}

InstanceId generated_id() {
  return {Symbol(generated_label()), Symbol(generated_label()), *rc::gen::arbitrary<std::uint32_t>(),
          *rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint32_t>()};
}

TEST(DnsLabel, TellsNamesFromOtherText) {
  for (const std::string& text :
       {std::string("a"), std::string("0"), std::string("web-1"), std::string("a--b"), std::string(63, 'x')})
    EXPECT_TRUE(is_dns_label(text)) << text;
  for (const std::string& text :
       {std::string(), std::string("-a"), std::string("a-"), std::string("Web"), std::string("a.b"), std::string("a_b"),
        std::string("a/b"), std::string("\xC3\xA9"), std::string("a\0b", 3), std::string(64, 'x')})
    EXPECT_FALSE(is_dns_label(text)) << text;
}

TEST(InstanceIdText, GoesThereAndBack) {
  EXPECT_TRUE(rc::check([] {
    const InstanceId id = generated_id();
    RC_ASSERT(parse_instance_id(to_string(id)).value() == id);
    RC_ASSERT(parse_short_name(id.tenant, short_name(id)).value() == id);
  }));
}

TEST(InstanceIdText, HasOneSpelling) {
  const InstanceId id{Symbol("default"), Symbol("web"), 0, 42, 1};
  EXPECT_EQ(to_string(id), "default/web/0/42/1");
  EXPECT_EQ(short_name(id), "web-0-r42-1");
  for (const std::string_view text :
       {"", "default/web/0/42", "default/web/0/42/1/2", "default/web/00/42/1", "default/web/-1/42/1",
        "default/web/+1/42/1", "Default/web/0/42/1", "/web/0/42/1", "default/web/0/42/", "default/web/4294967296/42/1",
        "default/web/0/18446744073709551616/1", "default/web/0/42/1 ", "default/web/x/42/1"})
    EXPECT_EQ(parse_instance_id(text).error().reason, "bad_instance_id") << text;
}

TEST(ShortName, IsNotTakenFromAnAppsName) {
  for (const std::string_view text :
       {"web", "web-0", "web-0-r42", "web-0-42-1", "web-0-rx-1", "-0-r42-1", "web-01-r42-1", ""})
    EXPECT_FALSE(parse_short_name(Symbol("default"), text).ok()) << text;
  const auto dashed = parse_short_name(Symbol("default"), "a-1-r2-3-0-r42-1");
  ASSERT_TRUE(dashed.ok());
  EXPECT_EQ(dashed->app.str(), "a-1-r2-3");
}

TEST(StampOrder, CountsRecoveryBeforeTermBeforeRevision) {
  const Stamp base{"c1", {1, 5}, 100};
  EXPECT_TRUE(covers(base, base));
  EXPECT_TRUE(covers({"c1", {1, 5}, 101}, base));
  EXPECT_FALSE(covers({"c1", {1, 5}, 99}, base));
  EXPECT_TRUE(covers({"c1", {1, 6}, 1}, base));
  EXPECT_TRUE(covers({"c1", {2, 0}, 1}, base));
  EXPECT_FALSE(covers({"c1", {0, 9}, 999}, base));
  EXPECT_FALSE(covers({"c2", {9, 9}, 999}, base));
  EXPECT_EQ(to_string(base), "c1@1.5.100");
}

TEST(SymbolOrder, IsThatOfTheTexts) {
  EXPECT_TRUE(rc::check([](const std::string& a, const std::string& b) {
    RC_ASSERT((Symbol(a) < Symbol(b)) == (a < b));
    RC_ASSERT((Symbol(a) == Symbol(b)) == (a == b));
    RC_ASSERT(Symbol(a).str() == a);
  }));
  EXPECT_TRUE(Symbol("").empty());
  EXPECT_EQ(Symbol(), Symbol(""));
  const std::set<AppName> names = {{Symbol("b"), Symbol("a")}, {Symbol("a"), Symbol("z")}, {Symbol("a"), Symbol("b")}};
  EXPECT_EQ(to_string(*names.begin()), "a/b");
}

}  // namespace
}  // namespace unik
