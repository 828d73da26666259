// The reader and writer of JSON that other parts use, held against nlohmann's.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"
#include "codec/nearest.hpp"

namespace unik::codec {
namespace {

using nlohmann::json;

TEST(JsonWriting, PutsCommasAndEscapes) {
  JsonWriter out;
  out.begin_object()
      .field("a", 1)
      .field("b", "x\"\\\n\x01")
      .key("c")
      .begin_array()
      .number(std::int64_t{-1})
      .null()
      .boolean(true);
  out.begin_object()
      .end_object()
      .begin_array()
      .end_array()
      .end_array()
      .key("d")
      .raw("{\"e\":2}")
      .field("f", 1.5)
      .end_object();
  EXPECT_EQ(out.str(), R"({"a":1,"b":"x\"\\\n\u0001","c":[-1,null,true,{},[]],"d":{"e":2},"f":1.5})");
  EXPECT_TRUE(json::accept(out.str()));
}

TEST(JsonWriting, KeepsNumbersExact) {
  JsonWriter out;
  out.begin_array().number(std::numeric_limits<std::uint64_t>::max()).number(std::numeric_limits<std::int64_t>::min());
  out.number(std::nan("")).number(0.1).end_array();
  EXPECT_EQ(out.str(), "[18446744073709551615,-9223372036854775808,null,0.1]");
}

TEST(JsonWriting, IsUtf8WhateverTheBytes) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    const std::string quoted = json_quote(bytes);
    RC_ASSERT(json::accept(quoted));
    // nlohmann replaces bytes that are no UTF-8 in its own way: compare where there are none.
    const json reference(bytes);
    try {
      RC_ASSERT(json::parse(quoted) == json::parse(reference.dump()));
    } catch (const json::exception&) {
      RC_ASSERT(quoted.find("\xEF\xBF\xBD") != std::string::npos);
    }
  }));
}

json as_json(JsonView view) {
  if (view.is_null()) return nullptr;
  if (view.is_object()) {
    json out = json::object();
    for (JsonView member = view.first(); member.exists(); member = member.next())
      out[std::string(member.key())] = as_json(member);
    return out;
  }
  if (view.is_array()) {
    json out = json::array();
    for (JsonView element = view.first(); element.exists(); element = element.next()) out.push_back(as_json(element));
    return out;
  }
  if (const auto text = view.text()) return std::string(*text);
  if (const auto value = view.boolean()) return *value;
  if (const auto value = view.integer()) return *value;
  if (const auto value = view.unsigned_integer()) return *value;
  return view.real().value_or(0);
}

json random_json(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<std::int64_t>();
    case 3:
      return *rc::gen::arbitrary<std::uint64_t>();
    case 4:
      return *rc::gen::arbitrary<int>() / 8.0;
    case 5:
      return *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
    case 6: {
      json out = json::array();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) out.push_back(random_json(depth - 1));
      return out;
    }
    default: {
      json out = json::object();
      for (int i = *rc::gen::inRange(0, 20); i > 0; --i) out["key" + std::to_string(i)] = random_json(depth - 1);
      return out;
    }
  }
}

TEST(JsonReading, SeesWhatNlohmannSees) {
  EXPECT_TRUE(rc::check([] {
    const json value = random_json(3);
    const std::string text = value.dump(*rc::gen::inRange(-1, 3));
    const auto document = JsonDocument::parse(text);
    RC_ASSERT(document.ok());
    RC_ASSERT(as_json(document->root()) == value);
  }));
}

// Strict, as nlohmann is: a text with a byte changed, doubled or left out is JSON for both or for neither.
TEST(JsonReading, RefusesWhatNlohmannRefuses) {
  constexpr std::string_view kBytes = "{}[]\",:\\u0019+-. \n\x01\x7f\x80\xc3\xa9\xed\xa0ntf";
  EXPECT_TRUE(rc::check([&] {
    std::string text = random_json(3).dump(*rc::gen::inRange(-1, 2));
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
      const std::size_t at = *rc::gen::inRange<std::size_t>(0, text.size());
      const char byte = kBytes[*rc::gen::inRange<std::size_t>(0, kBytes.size())];
      switch (*rc::gen::inRange(0, 3)) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          if (text.size() > 1) text.erase(at, 1);
      }
    }
    const auto document = JsonDocument::parse(text);
    if (!document && document.error().message.find("duplicate key") != std::string::npos) return;
    RC_ASSERT(document.ok() == json::accept(text));
    if (document) RC_ASSERT(as_json(document->root()) == json::parse(text));
  }));
}

TEST(JsonReading, KnowsEveryEscape) {
  const auto document = JsonDocument::parse(R"(["\"\\\/\b\f\n\r\t", "\u0041\u00e9\u20ac\ud83d\ude00", "a\u0000b"])");
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(document->root().at(0).text(), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(document->root().at(1).text(), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(document->root().at(2).text(), std::string_view("a\0b", 3));
  for (const char* const wrong :
       {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\x")", R"("\u12")", "\"\x1f\"", "\"\xc3\"", "01", "-",
        "1.", "1e", "+1", ".5", "nul", "[1,]", "{\"a\":1,}", "[1] 2", "'a'"})
    EXPECT_FALSE(JsonDocument::parse(wrong).ok()) << wrong;
}

TEST(JsonReading, AbsentIsNoError) {
  const auto document = JsonDocument::parse(R"({"a":{"b":[1,"two",null,true,-3,1.5,18446744073709551615]},"t":"x"})");
  ASSERT_TRUE(document.ok());
  const JsonView root = document->root();
  const JsonView list = root["a"]["b"];
  EXPECT_EQ(list.size(), 7U);
  EXPECT_EQ(list.at(0).integer(), 1);
  EXPECT_EQ(list.at(1).text(), "two");
  EXPECT_TRUE(list.at(2).is_null());
  EXPECT_EQ(list.at(3).boolean(), true);
  EXPECT_EQ(list.at(4).integer(), -3);
  EXPECT_EQ(list.at(4).unsigned_integer(), std::nullopt);
  EXPECT_EQ(list.at(5).integer(), std::nullopt);
  EXPECT_EQ(list.at(5).real(), 1.5);
  EXPECT_EQ(list.at(6).unsigned_integer(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(list.at(7).exists());
  EXPECT_FALSE(root["none"]["of"]["these"].exists());
  EXPECT_FALSE(root["t"]["x"].exists());
  EXPECT_EQ(root["t"].integer(), std::nullopt);
  EXPECT_EQ(root["none"].text_or("else"), "else");
  EXPECT_FALSE(JsonView().first().exists());
}

TEST(JsonReading, SaysWhereItIsNone) {
  const auto document = JsonDocument::parse("{\n  \"a\": 1,\n  \"b\" 2\n}");
  ASSERT_FALSE(document.ok());
  EXPECT_EQ(document.error().reason, "bad_json");
  EXPECT_TRUE(document.error().message.starts_with("line 3, column 7: no valid JSON: ")) << document.error().message;
  EXPECT_EQ(JsonDocument::parse("{\"a\":1,\"a\":2}").error().reason, "bad_json");
  EXPECT_EQ(JsonDocument::parse("[1,2,3]", 3).error().reason, "message_too_large");
  EXPECT_FALSE(JsonDocument::parse("").ok());
}

TEST(Nearest, FindsWhatWasMeant) {
  const std::string_view names[] = {"replicas", "resources", "restart", "rootfs", "args"};
  EXPECT_EQ(nearest("replica", names), "replicas");
  EXPECT_EQ(nearest("REPLICAS", names), "replicas");
  EXPECT_EQ(nearest("agrs", names), "args");  // a swap counts once
  EXPECT_EQ(nearest("resorces", names), "resources");
  EXPECT_EQ(nearest("image", names), std::nullopt);
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest(std::string(65, 'a'), names), std::nullopt);
}

}  // namespace
}  // namespace unik::codec
