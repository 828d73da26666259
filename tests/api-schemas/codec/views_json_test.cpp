#include "codec/views_json.hpp"

#include <gtest/gtest.h>

#include "tests/api-schemas/codec/sample_views.hpp"

namespace unik::codec {
namespace {

using namespace samples;

template <typename T>
void expect_same_again(const T& value) {
  const std::string text = to_json(value);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto read = from_json<T>(text);
  ASSERT_TRUE(read) << to_string(read.error()) << "\n" << text;
  EXPECT_EQ(*read, value) << text;
}

TEST(ViewsJson, ReadsBackWhatItWrote) {
  expect_same_again(app());
  expect_same_again(instance());
  expect_same_again(node());
  expect_same_again(tenant());
  expect_same_again(status_view());
  expect_same_again(Page<QuarantinedView>{{quarantined()}, 43, ""});
  expect_same_again(apply_reply());
  expect_same_again(rollout_view());
  expect_same_again(event_view());
  expect_same_again(explanation());
}

TEST(ViewsJson, WritesPages) {
  expect_same_again(Page<AppView>{{app()}, 3, "web"});
  expect_same_again(Page<InstanceView>{{instance()}, 3, ""});
  expect_same_again(Page<NodeView>{{node()}, 3, "n1"});
  expect_same_again(Page<TenantView>{{}, 3, ""});
  expect_same_again(Page<Operation>{{operation()}, 3, "op-42-0"});
  EXPECT_EQ(to_json(Page<AppView>{{}, 3, ""}), R"({"items":[],"revision":3})");
  EXPECT_EQ(to_json(Page<AppView>{{}, 3, "x"}), R"({"items":[],"revision":3,"continue":"x"})");
}

TEST(ViewsJson, AnAppIsItsDocumentWithAStatus) {
  const std::string text = to_json(app());
  EXPECT_TRUE(text.starts_with(R"({"apiVersion":"unikctl.dev/v1","kind":"App","metadata":{"name":"web")")) << text;
  EXPECT_NE(text.find(R"(,"status":{"phase":"ready","desired":2,"ready":1,"up_to_date":2,"rollout":42,"restarts":3,)"),
            std::string::npos)
      << text;
}

TEST(ViewsJson, IgnoresWhatANewerServerAdds) {
  std::string text = to_json(app());
  text.insert(text.size() - 2, R"(,"novelty":{"deep":[1,2]})");
  text.insert(text.size() - 1, R"(,"more":null)");
  const auto read = from_json<AppView>(text);
  ASSERT_TRUE(read) << to_string(read.error()) << text;
  EXPECT_EQ(*read, app());
}

TEST(ViewsJson, TellsEveryFaultWithItsPath) {
  const auto read = from_json<ApplyReply>(
      R"({"revision":"x","dry_run":1,"objects":[{"kind":"App","name":"a","verb":"sung"},{"kind":"Apple","effect":-1}]})");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(read.error().reason, "bad_message");
  std::vector<std::string> paths;
  for (const Fault& fault : read.error().details) paths.push_back(fault.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"revision", "dry_run", "objects[0].verb", "objects[1].kind",
                                             "objects[1].effect"}));
}

TEST(ViewsJson, RefusesWhatIsNoObject) {
  for (const char* text : {"", "[]", "null", "{", "{\"items\":{}}", "{\"items\":[1]}"})
    EXPECT_FALSE(from_json<Page<AppView>>(text)) << text;
  EXPECT_FALSE(from_json<AppView>(to_json(Page<AppView>{})));
  EXPECT_FALSE(from_json<NodeView>(to_json(app())));
}

}  // namespace
}  // namespace unik::codec
