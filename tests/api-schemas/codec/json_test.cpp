#include "codec/json.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "values.hpp"

namespace unik::codec {
namespace {

template <typename T, typename Make>
void expect_round_trip(Make make) {
  EXPECT_TRUE(rc::check([&] {
    const T value = make();
    const std::string text = to_json(value);
    const Result<T> back = from_json<T>(text);
    if (!back.ok()) RC_FAIL(to_string(back.error()) + "\n" + text);
    RC_ASSERT(*back == value);
    RC_ASSERT(to_json(*back) == text);
  }));
}

TEST(JsonRoundTrip, Resource) {
  expect_round_trip<Resource>([] {
    Resource resource = values::resource();
    metadata_of(resource).uid = values::number();
    metadata_of(resource).generation = values::number();
    return resource;
  });
}
TEST(JsonRoundTrip, BootSpec) {
  expect_round_trip<BootSpec>(values::boot);
}
TEST(JsonRoundTrip, RunPolicy) {
  expect_round_trip<RunPolicy>([] { return values::run(values::boot()); });
}
TEST(JsonRoundTrip, InstanceStatus) {
  expect_round_trip<InstanceStatus>(values::status);
}
TEST(JsonRoundTrip, Operation) {
  expect_round_trip<Operation>(values::operation);
}
TEST(JsonRoundTrip, ReportBody) {
  expect_round_trip<ReportBody>(values::report_body);
}
TEST(JsonRoundTrip, Report) {
  expect_round_trip<Report>(values::report);
}
TEST(JsonRoundTrip, Stamp) {
  expect_round_trip<Stamp>(values::stamp);
}
TEST(JsonRoundTrip, Action) {
  expect_round_trip<Action>(values::action);
}
TEST(JsonRoundTrip, Goals) {
  expect_round_trip<Goals>(values::goals);
}
TEST(JsonRoundTrip, NodeInfo) {
  expect_round_trip<NodeInfo>(values::node_info);
}
TEST(JsonRoundTrip, RegisterRequest) {
  expect_round_trip<RegisterRequest>([] {
    return RegisterRequest{values::label(), values::number(), values::labels(), values::node_info(), values::text()};
  });
}
TEST(JsonRoundTrip, RegisterReply) {
  expect_round_trip<RegisterReply>([] {
    return RegisterReply{values::text(), values::duration(Duration::zero(), std::chrono::hours(1))};
  });
}
TEST(JsonRoundTrip, LogRequest) {
  expect_round_trip<LogRequest>(values::log_request);
}
TEST(JsonRoundTrip, HeartbeatReply) {
  expect_round_trip<HeartbeatReply>(values::heartbeat_reply);
}

TEST(JsonRoundTrip, Error) {
  EXPECT_TRUE(rc::check([] {
    const Error error = values::error();
    RC_ASSERT(error_from_json(to_json(error), traits(error.code).http_status) == error);
  }));
}

// What is applied through the API is the manifest's JSON: it must say what the file said.
TEST(JsonRoundTrip, ManifestThroughTheApi) {
  EXPECT_TRUE(rc::check([] {
    const ParsedManifest manifest{values::resource(), {"-", 1, 1, "", ""}};
    const ManifestText text{"-", to_json(manifest.resource)};
    const auto back = parse_manifests(std::span(&text, 1));
    if (!back.ok()) RC_FAIL(to_string(back.error()) + "\n" + text.text);
    RC_ASSERT(back->size() == 1);
    RC_ASSERT(back->front() == manifest);
  }));
}

TEST(JsonGolden, ErrorEnvelope) {
  Error error = invalid("bad_manifest", "1 fault");
  error.details = {{"a.yaml", 3, 7, "spec.replicas", "want \"less\""}};
  error.trace_id = "t1";
  EXPECT_EQ(
      to_json(error),
      R"({"error":{"code":"invalid","reason":"bad_manifest","message":"1 fault","details":[{"file":"a.yaml","line":3,)"
      R"("column":7,"path":"spec.replicas","message":"want \"less\""}],"trace_id":"t1"}})");
}

TEST(JsonGolden, ReportWithDigestAlone) {
  const Report report{"n1", "b1", 7, 8, {"c1", {0, 1}, 42}, 18446744073709551615ULL, std::nullopt};
  EXPECT_EQ(
      to_json(report),
      R"({"node":"n1","boot_id":"b1","agent_start":7,"seq":8,"accepted_stamp":{"cluster_id":"c1","recovery_count":0,)"
      R"("term":1,"revision":42},"digest":18446744073709551615})");
}

TEST(JsonGolden, ReportBody) {
  ReportBody body;
  ObservedInstance& instance = body.instances.emplace_back();
  instance.id = {Symbol("default"), Symbol("web"), 0, 42, 1};
  instance.status.phase = Phase::kRunning;
  instance.status.last_exit = Exit{ExitKind::kSignaled, 9};
  instance.status.started_at = WallTime(std::chrono::milliseconds(1'700'000'000'004));
  instance.status.boot.start = std::chrono::milliseconds(12);
  body.publications.push_back({{Symbol("default"), Symbol("web")}, "http", 8080, "127.0.0.1", 18080, ""});
  body.used = {MilliCpu{500}, mebibytes(1)};
  EXPECT_EQ(
      to_json(body),
      R"({"instances":[{"id":"default/web/0/42/1","status":{"phase":"running","reason":"","message":"","health":"none",)"
      R"("restarts":0,"last_exit":{"kind":"signaled","code":9},"address":"","accelerator":"",)"
      R"("started_at":"2023-11-14T22:13:20.004Z","boot":{"fetch_us":0,"prepare_us":0,"start_us":12000,)"
      R"("first_byte_us":0,"total_us":0,"healthy_us":0}}}],"publications":[{"app":"default/web","port_name":"http",)"
      R"("port":8080,"address":"127.0.0.1","host_port":18080,"problem":""}],)"
      R"("used":{"cpu_milli":500,"memory_bytes":1048576}})");
}

TEST(JsonGolden, Actions) {
  const InstanceId id{Symbol("default"), Symbol("web"), 0, 42, 1};
  EXPECT_EQ(to_json(Action(EnsureImage{"web@sha256:00"})), R"({"action":"ensure_image","image":"web@sha256:00"})");
  EXPECT_EQ(to_json(Action(EnsureAbsent{id, std::chrono::seconds(10)})),
            R"({"action":"ensure_absent","id":"default/web/0/42/1","stop_timeout_us":10000000})");
  EXPECT_EQ(
      to_json(Action(EnsureRunning{id, {}, {}, {}})),
      R"({"action":"ensure_running","id":"default/web/0/42/1","boot":{"image":"","args":[],"env":{},"cpu_milli":0,)"
      R"("memory_bytes":0,"ports":[],"writable":"none","debug":false,"check":{"port":0}},"run":{"publications":[],)"
      R"("restart":{"policy":"always","backoff_us":1000000,"max_backoff_us":300000000},"stop_timeout_us":10000000}})");
}

// An agent that knows no keys must not take the goal for one without: it refuses what it does not know.
TEST(JsonGolden, AGoalThatNeedsASignatureSaysSo) {
  EnsureRunning goal{{Symbol("default"), Symbol("web"), 0, 42, 1}, {}, {}, {}};
  goal.trusted_keys = {"RWQa", "RWQb"};
  const std::string json = to_json(Action(goal));
  EXPECT_NE(json.find(R"("trusted_keys":["RWQa","RWQb"]})"), std::string::npos) << json;
  EXPECT_EQ(*from_json<Action>(json), Action(goal));
  std::string later = json;
  later.replace(later.find("trusted_keys"), 12, "trusted_kees");
  EXPECT_EQ(from_json<Action>(later).error().reason, "unknown_goal");
}

TEST(JsonReading, IgnoresWhatItDoesNotKnowAndFillsInWhatIsMissing) {
  const auto status = from_json<InstanceStatus>(R"({"phase":"running","news":{"a":[1]},"last_exit":null})");
  ASSERT_TRUE(status.ok());
  InstanceStatus expected;
  expected.phase = Phase::kRunning;
  EXPECT_EQ(*status, expected);
  EXPECT_EQ(from_json<InstanceStatus>(R"({"accelerator":"Not A Name"})").error().reason, "bad_message");
  EXPECT_EQ(from_json<Stamp>("{}").value(), Stamp{});
  const auto app = from_json<Resource>(
      R"({"apiVersion":"unikctl.dev/v1","kind":"App","metadata":{"name":"web","later":1},"spec":{},"status":{}})");
  ASSERT_TRUE(app.ok());
  EXPECT_EQ(std::get<App>(*app).metadata.name, "web");
}

TEST(JsonReading, AResourceWithoutANameIsNone) {
  const auto none = from_json<Resource>(R"({"apiVersion":"unikctl.dev/v1","kind":"Node","spec":{}})");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().details.front().message, "want a resource with its `metadata.name`");
}

template <typename T>
std::string faults_in(std::string_view text) {
  const auto result = from_json<T>(text);
  if (result.ok()) return "no fault";
  std::string out = result.error().reason;
  for (const Fault& fault : result.error().details) out += "\n" + to_string(fault);
  return out;
}

TEST(JsonReading, NamesThePathOfEachFault) {
  EXPECT_EQ(faults_in<Report>(
                R"({"node":"N1","seq":"7","digest":-1,"accepted_stamp":[],"body":{"instances":[{"id":"a/b/0/1/1"},
    {"id":"A/b/0/1/1","status":{"phase":"gone","boot":{"start_us":1.5}}},{}]}})"),
            "bad_message\n"
            "node: want a name of 1 to 63 characters a-z, 0-9 and `-`, beginning and ending with a letter or digit, "
            "got the text `N1`\n"
            "seq: want a whole number from 0 to 18446744073709551615 without quotes, got the text `7`\n"
            "accepted_stamp: want a mapping of fields, got a list\n"
            "digest: want a whole number from 0 to 18446744073709551615, got `-1`\n"
            "body.instances[1].id: want an instance id `tenant/app/slot/rollout/attempt`, got the text `A/b/0/1/1`\n"
            "body.instances[1].status.phase: want pending, running, exited or failed, got the text `gone`\n"
            "body.instances[1].status.boot.start_us: want a whole number from 0 to 9007199254740992, got `1.5`\n"
            "body.instances[2]: want an instance with its `id`");
  EXPECT_EQ(faults_in<Report>("{}"), "bad_message\nwant a report with its `node`");
  EXPECT_EQ(faults_in<Stamp>("[]"), "bad_message\nwant a mapping of fields, got a list");
  EXPECT_EQ(faults_in<Stamp>(R"({"term":1,"term":2})"),
            "bad_message\nduplicate key `term`: it stands above already, remove one");
}

TEST(JsonReading, RefusesWhatIsNoJson) {
  for (const std::string_view text :
       {"", " ", "{", "{]", "{\"a\":1}x", "{'a':1}", "{a:1}", "{\"a\":01}", "nul", "\"\xFF\"", "{\"a\":1,}", "[1"})
    EXPECT_FALSE(from_json<Stamp>(text).ok()) << text;
}

TEST(JsonReading, BoundsNestingSizeAndCounts) {
  EXPECT_EQ(faults_in<Stamp>(std::string(100'000, '[')), "bad_message\nwant at most 64 levels of nesting");
  EXPECT_FALSE(from_json<Stamp>(std::string(kMaxMessageBytes + 1, ' ')).ok());
  std::string many = R"({"instances":[)";
  for (std::size_t i = 0; i <= kMaxInstancesPerReport; ++i)
    many += (i == 0 ? "" : ",") + std::string(R"({"id":"t/a/)") + std::to_string(i) + R"(/1/1"})";
  EXPECT_EQ(faults_in<ReportBody>(many + "]}"), "bad_message\ninstances: want at most 4096 elements, got 4097");
}

// Half of a goal must never be carried out: what is not understood is refused, and says so by its reason.
TEST(GoalReading, RefusesWhatItDoesNotKnow) {
  const std::string stamp = R"({"stamp":{"cluster_id":"c"},"actions":[)";
  const struct {
    std::string action;
    std::string fault;
  } cases[] = {
      {R"({"action":"ensure_frozen","id":"t/a/0/1/1"})",
       "actions[0].action: want ensure_image, ensure_running or ensure_absent, got `ensure_frozen`: this release does "
       "not know the goal, upgrade it"},
      {R"({"action":"ensure_image","image":"a","lazily":true})",
       "actions[0].lazily: unknown field `lazily` in goal: fields here: action, image"},
      {R"({"action":"ensure_absent"})", "actions[0]: want a goal with its `id`"},
      {R"({"action":"ensure_running","id":"t/a/0/1/1","boot":{},"run":{"restart":{"policy":"never","jitter":1}}})",
       "actions[0].run.restart.jitter: unknown field `jitter` in restart: fields here: backoff_us, max_backoff_us, "
       "policy"},
  };
  for (const auto& [action, fault] : cases) {
    const std::string text = faults_in<Goals>(stamp + action + "]}");
    EXPECT_TRUE(text.starts_with("unknown_goal\n" + fault)) << text;
    EXPECT_TRUE(faults_in<HeartbeatReply>(R"({"goals":)" + stamp + action + "]}}").starts_with("unknown_goal\n"))
        << action;
  }
  // Around the goals a later release may say more.
  EXPECT_TRUE(from_json<Goals>(R"({"stamp":{"later":1},"actions":[],"later":1})").ok());
  EXPECT_FALSE(from_json<Goals>(R"({"actions":[]})").ok());
  EXPECT_FALSE(from_json<Goals>(R"({"stamp":{}})").ok());
}

TEST(ErrorReading, ToleratesAnAnswerThatIsNoneOfOurs) {
  const Error proxy = error_from_json("<html>Bad gateway</html>", 502);
  EXPECT_EQ(proxy.code, ErrorCode::kUnavailable);
  EXPECT_EQ(proxy.reason, "bad_answer");
  EXPECT_NE(proxy.message.find("502"), std::string::npos);
  for (const std::string_view text :
       {"", "{}", "[]", R"({"error":{}})", R"({"error":"x"})", R"({"error":{"code":"nope"}})"})
    EXPECT_EQ(error_from_json(text, 500).reason, "bad_answer") << text;
}

TEST(Digest, FollowsTheBodyAlone) {
  ReportBody body;
  const std::uint64_t empty = digest_of(body);
  EXPECT_EQ(empty, digest_of(ReportBody{}));
  body.used.memory = {1};
  EXPECT_NE(digest_of(body), empty);
}

}  // namespace
}  // namespace unik::codec
