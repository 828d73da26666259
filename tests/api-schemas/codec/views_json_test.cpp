#include "codec/views_json.hpp"

#include <gtest/gtest.h>

namespace unik::codec {
namespace {

WallTime at(const char* text) {
  return parse_wall_time(text).value();
}

const std::string kImage = "web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

AppView app() {
  AppView view;
  view.app.metadata.name = "web";
  view.app.metadata.tenant = "default";
  view.app.metadata.uid = 7;
  view.app.metadata.generation = 2;
  view.app.spec.boot.image = kImage;
  view.app.spec.boot.resources = {MilliCpu{500}, mebibytes(64)};
  view.phase = "ready";
  view.desired = 2;
  view.ready = 1;
  view.up_to_date = 2;
  view.rollout = 42;
  view.restarts = 3;
  view.conditions = {{"Ready", "False", "Starting", "1 of 2 \"ready\""}};
  view.urls = {{"http", "n1", "http://127.0.0.1:1", ""}, {"metrics", "n1", "", "the port is taken"}};
  view.created_at = at("2026-11-22T10:00:00.004Z");
  view.updated_at = at("2026-11-22T10:01:00Z");
  return view;
}

InstanceView instance() {
  InstanceView view;
  view.id = {Symbol("default"), Symbol("web"), 0, 42, 1};
  view.name = "web-0-r42-1";
  view.node = "n1";
  view.image = kImage;
  view.goal = "run";
  view.status.phase = Phase::kExited;
  view.status.last_exit = Exit{ExitKind::kSignaled, 9};
  view.status.boot.total = Duration(337'000);
  view.node_unknown = true;
  view.created_at = at("2026-11-22T10:00:00Z");
  return view;
}

Operation operation() {
  Operation value;
  value.operation_id = "op-42-0";
  value.state = OperationState::kFailed;
  value.target = {Symbol("default"), Symbol("web")};
  value.error = unavailable("no_eligible_node", "0 of 1 nodes fit");
  value.created_at = at("2026-11-22T10:00:00Z");
  return value;
}

NodeView node() {
  NodeView view;
  view.node.metadata.name = "n1";
  view.node.metadata.labels = {{"zone", "a"}};
  view.health = "unknown";
  view.info = NodeInfo{};
  view.info->accelerator = "tcg";
  view.info->overhead = mebibytes(64);
  view.allocatable = {MilliCpu{2000}, mebibytes(1024)};
  view.assigned = {MilliCpu{500}, mebibytes(128)};
  view.used = {MilliCpu{100}, mebibytes(90)};
  view.instances = 1;
  view.last_report_ago = Duration(3'000'000);
  view.conditions = {{"Ready", "Unknown", "Silent", "no report for 1m"}};
  return view;
}

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
  TenantView tenant;
  tenant.tenant.metadata.name = "team-a";
  tenant.apps = 2;
  tenant.instances = 5;
  tenant.assigned = {MilliCpu{1}, Bytes{2}};
  tenant.declared_instances = 4;
  tenant.declared = {MilliCpu{3}, Bytes{4}};
  expect_same_again(tenant);
  const QuarantinedView lost{"n2", {Symbol("default"), Symbol("web"), 1, 42, 1}, "web-1-r42-1", "running", "no app"};
  StatusView status{43, "default", {app()}, {instance()}, {operation()}, {node()}, true, {lost}};
  expect_same_again(status);
  expect_same_again(Page<QuarantinedView>{{lost}, 43, ""});
  AppliedObject object;
  object.tenant = "default";
  object.name = "web";
  object.verb = ApplyVerb::kUpdated;
  object.generation = 3;
  object.effect = ChangeEffect::kReplace;
  object.changes = {{"spec.replicas", "1", "2", ChangeEffect::kNone},
                    {"spec.env.A", "", "\"x\"", ChangeEffect::kReplace}};
  expect_same_again(
      ApplyReply{44, true, {object}, {operation()}, {{"default", "web-0-r42-1", "n1", "placed", "its node is new"}}});
  RolloutView rollout;
  rollout.tenant = "default";
  rollout.app = "web";
  rollout.strategy = "canary";
  rollout.phase = "paused";
  rollout.reason = "crash_loop";
  rollout.message = "web-0-r42-1 is crash_loop";
  rollout.rollout = 42;
  rollout.desired = 3;
  rollout.updated = 1;
  rollout.old = 2;
  rollout.promoted = true;
  rollout.holds = {"web-1-r17-1: the canaries come first"};
  rollout.history = {{42, at("2026-11-22T10:00:00Z"), 3, "a@sha256:1", "failed", true, "back to 17", 2}};
  expect_same_again(rollout);
  expect_same_again(EventView{42, at("2026-11-22T10:00:00Z"), "uid/0", "t", "app/web", "default", "created", "new"});
  expect_same_again(Explanation{"app/web", "pending", {{"Ready", "False", "R", "m"}}, {"because", "and so"}});
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
