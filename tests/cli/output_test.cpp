#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/output/colour.hpp"
#include "cli/output/diff.hpp"
#include "cli/output/document.hpp"
#include "cli/output/explanations.hpp"
#include "cli/output/findings.hpp"
#include "cli/output/live.hpp"
#include "cli/output/objects.hpp"
#include "cli/output/views.hpp"
#include "codec/manifest.hpp"
#include "tests/cli/samples.hpp"

namespace unik::cli {
namespace {

const WallTime kNow = at("2026-11-22T10:03:00Z");

TEST(StatusOutput, ShowsAppsInstancesOperationsAndNodesInOneView) {
  EXPECT_EQ(render_status(sample_status(), kNow, false, false),
            R"(Apps of tenant default
NAME   READY   PHASE         RESTARTS   AGE   URL
web    1/2     progressing   3          3m    http://127.0.0.1:18080

Instances
NAME          PHASE     REASON     NODE    RESTARTS   BOOT    AGE
web-0-r42-1   running   healthy    local   0          337ms   3m
web-1-r42-1   running   starting   local   3          337ms   3m

Operations
OPERATION   KIND     TARGET    STATE     ATTEMPTS   AGE   MESSAGE
op-42-0     deploy   app/web   running   2          3m    1 of 2 ready, starting

Nodes
NAME    HEALTH   SCHEDULABLE   ACCELERATOR   INSTANCES   CPU   MEMORY         SEEN   AGE
local   ready    yes           tcg           2           1/2   384Mi/4096Mi   3s     63m
)");
}

TEST(StatusOutput, SaysWhereThereIsNothing) {
  StatusView empty;
  empty.tenant = "team-a";
  EXPECT_EQ(render_status(empty, kNow, false, false),
            "Apps of tenant team-a\nnone\n\nInstances\nnone\n\nOperations\nnone\n\nNodes\nnone\n");
}

TEST(StatusOutput, MarksAppsOutsideTheNoShellBaseline) {
  AppView view = sample_app();
  EXPECT_EQ(render(table_of({view}, {}, false), false).find("container"), std::string::npos);
  view.app.metadata.labels["unikctl.dev/root"] = "container";
  EXPECT_NE(render(table_of({view}, {}, false), false).find(view.phase + " (container)"), std::string::npos);
}

TEST(StatusOutput, TellsAnAddressThatSeveralNodesGiveOnce) {
  AppView view = sample_app();
  view.urls = {{"http", "n1", "http://127.0.0.1:18080", ""},
               {"http", "n2", "http://127.0.0.1:18080", ""},
               {"http", "n3", "http://10.0.0.3:18080", ""},
               {"admin", "n1", "", "port 19090 is in use"},
               {"admin", "n2", "", "port 19090 is in use"}};
  const std::string table = render(table_of({view}, kNow, false), false);
  EXPECT_NE(table.find("  http://127.0.0.1:18080,http://10.0.0.3:18080,admin: port 19090 is in use\n"),
            std::string::npos)
      << table;
}

TEST(StatusOutput, ANodeIsDrainedWhenItsConditionSaysSo) {
  NodeView node = sample_node();
  node.node.spec.drain.enabled = true;
  node.instances = 1;
  node.conditions = {{"Drained", "False", "Draining", "web-0-r42-1 is stopping"}};
  EXPECT_NE(render(table_of({node}, kNow, false), false).find(" draining "), std::string::npos);
  node.conditions = {{"Drained", "True", "Empty", "no instance runs here any more"}};
  EXPECT_NE(render(table_of({node}, kNow, false), false).find(" drained "), std::string::npos)
      << "a job that has ended stays listed";
}

TEST(WideOutput, SaysWhyANodeHasItsAccelerator) {
  NodeView node = sample_status().nodes.front();
  node.info->accelerator_reason = "/dev/kvm is not there";
  EXPECT_EQ(render(table_of({node}, kNow, false), false).find(node.info->accelerator_reason), std::string::npos);
  EXPECT_NE(render(table_of({node}, kNow, true), false).find(node.info->accelerator_reason), std::string::npos);
}

TEST(WideOutput, AddsWhatAnAppIsMadeOf) {
  EXPECT_EQ(
      render(table_of({sample_app()}, kNow, true), false),
      "NAME   READY   PHASE         RESTARTS   AGE   URL                      ROLLOUT   UPDATED   CPU    MEMORY   "
      "IMAGE              REASON\n"
      "web    1/2     progressing   3          3m    http://127.0.0.1:18080   r42       2         500m   128Mi    "
      "web@0123456789ab   Starting: 1 of 2 ready\n");
}

TEST(InstanceOutput, NamesWhyAnInstanceDoesNotRun) {
  InstanceView view = sample_instance(0);
  view.status.phase = Phase::kExited;
  view.status.last_exit = Exit{ExitKind::kExited, 3};
  EXPECT_EQ(table_of({view}, kNow, false).rows.front()[2].text, "exit 3");
  view.node_unknown = true;
  EXPECT_EQ(table_of({view}, kNow, false).rows.front()[2].text, "node_silent");
}

TEST(BootOutput, ListsThePartsInTheirOrder) {
  EXPECT_EQ(render_boot(sample_instance(0).status.boot),
            "fetch 120ms, prepare 14ms, start 240ms, first byte 203ms, healthy 1.3s");
  EXPECT_EQ(render_boot(BootTimes{}), "fetch 0ms, prepare 0ms, start 0ms");
}

TEST(ApplyOutput, IsOneLineAnObject) {
  EXPECT_EQ(render_applied(sample_reply(), false),
            "app/web updated (replacement)\nnode/n1 created\ntenant/default unchanged\n");
}

TEST(DiffOutput, ShowsFieldsAndWhatTheyDo) {
  EXPECT_EQ(render_diff(sample_reply(), false), R"(~ app/web (default): replacement
    spec.replicas: 1 -> 3   (nothing restarts)
    spec.env.LEVEL: "info"   (replacement)
    spec.health: {"interval":"5s"} -> (removed)   (in place)
+ node/n1
    spec.schedulable: true
)");
  EXPECT_TRUE(has_changes(sample_reply()));
  EXPECT_FALSE(has_changes(ApplyReply{}));
}

TEST(DiffOutput, ColoursOnlyWhenAsked) {
  EXPECT_NE(render_diff(sample_reply(), true).find("\x1b[31m1\x1b[0m -> \x1b[32m3\x1b[0m"), std::string::npos);
  EXPECT_EQ(render_diff(sample_reply(), false).find('\x1b'), std::string::npos);
}

TEST(ObjectOutput, YamlOfAnAppCanBeAppliedAgain) {
  ObjectStyle style;
  style.format = OutputFormat::kYaml;
  style.single = true;
  const std::string yaml = render_objects({std::vector<AppView>{sample_app()}}, style);
  const codec::ManifestText text{"web.yaml", yaml};
  const auto parsed = codec::parse_manifests({&text, 1});
  ASSERT_TRUE(parsed) << to_string(parsed.error()) << "\n" << yaml;
  App expected = sample_app().app;
  expected.metadata.uid = expected.metadata.generation = 0;
  EXPECT_EQ(std::get<App>(parsed->front().resource), expected);
}

TEST(ObjectOutput, JsonIsCompleteAndAListUnlessOneWasNamed) {
  ObjectStyle style;
  style.format = OutputFormat::kJson;
  const std::string list = render_objects({std::vector<AppView>{sample_app()}}, style);
  EXPECT_TRUE(list.starts_with("{\n  \"items\": [\n")) << list;
  style.single = true;
  const std::string one = render_objects({std::vector<AppView>{sample_app()}}, style);
  EXPECT_TRUE(one.starts_with("{\n  \"apiVersion\": \"unikctl.dev/v1\"")) << one;
  for (const char* part : {"\"status\": {", "\"uid\": 7", "\"rollout\": 42", "\"url\": \"http://127.0.0.1:18080\""})
    EXPECT_NE(one.find(part), std::string::npos) << part;
}

TEST(ObjectOutput, SeveralKindsAreOneDocumentOfJsonAndSeveralOfYaml) {
  const StatusView status = sample_status();
  NodeView node;
  node.node.metadata.name = "n1";
  TenantView tenant;
  tenant.tenant.metadata.name = "team-a";
  const std::vector<Views> declared{std::vector<TenantView>{tenant}, std::vector<NodeView>{node},
                                    std::vector<AppView>{sample_app()}};
  ObjectStyle style;
  style.format = OutputFormat::kYaml;
  const codec::ManifestText text{"all.yaml", render_objects(declared, style)};
  const auto applied = codec::parse_manifests({&text, 1});
  ASSERT_TRUE(applied) << to_string(applied.error()) << "\n" << text.text;
  EXPECT_EQ(applied->size(), 3U);

  style.format = OutputFormat::kJson;
  const std::vector<Views> all{status.apps, status.instances, std::vector<TenantView>{}, std::vector<NodeView>{node}};
  const auto json = nlohmann::json::parse(render_objects(all, style), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["items"].size(), status.apps.size() + status.instances.size() + 1);
}

TEST(ObjectOutput, NamesCanBeGivenToOtherVerbs) {
  ObjectStyle style;
  style.format = OutputFormat::kName;
  EXPECT_EQ(render_objects({sample_status().instances}, style), "instance/web-0-r42-1\ninstance/web-1-r42-1\n");
  EXPECT_EQ(render_objects({sample_status().operations}, style), "operation/op-42-0\n");
}

TEST(DocumentOutput, KeepsTheOrderOfMembersInJsonAndYaml) {
  const std::string json = R"({"b":1,"a":{"list":["x",true,null,-3],"empty":{},"none":[]},"c":[{"k":"v","l":2}]})";
  EXPECT_EQ(pretty_json(json), R"({
  "b": 1,
  "a": {
    "list": [
      "x",
      true,
      null,
      -3
    ],
    "empty": {},
    "none": []
  },
  "c": [
    {
      "k": "v",
      "l": 2
    }
  ]
}
)");
  EXPECT_EQ(yaml_of(json), R"(b: 1
a:
  list:
  - x
  - true
  - null
  - -3
  empty: {}
  none: []
c:
- k: v
  l: 2
)");
}

TEST(DocumentOutput, QuotesWhatYamlWouldReadAsSomethingElse) {
  EXPECT_EQ(yaml_of(R"({"a":"on","b":"012","c":"x: y","d":"","e":"plain text","f":"a #b","g":"1e3","h":"- x"})"),
            "a: \"on\"\nb: \"012\"\nc: \"x: y\"\nd: \"\"\ne: plain text\nf: \"a #b\"\ng: \"1e3\"\nh: \"- x\"\n");
}

TEST(TableOutput, KeepsForeignTextFromSteeringTheTerminal) {
  const Table table{{"A", "B"}, {{Cell("x\x1b[31m\ny"), Cell("ü")}, {Cell(""), Cell("z")}}};
  EXPECT_EQ(render(table, false), "A          B\nx?[31m y   ü\n-          z\n");
}

TEST(LiveOutput, DrawsOverItsOwnLastPicture) {
  LiveRegion region(10, 24);
  EXPECT_EQ(region.draw("one\ntwo\n"), "\x1b[Jone\ntwo\n");
  EXPECT_EQ(region.draw("a line that is too long\n"), "\x1b[2A\r\x1b[Ja line tha\n");
  LiveRegion small(10, 3);
  EXPECT_EQ(small.draw("1\n2\n"), "\x1b[J1\n2\n");
}

TEST(LiveOutput, SaysWhatDoesNotFit) {
  LiveRegion region(80, 4);
  EXPECT_EQ(region.draw("1\n2\n3\n4\n5\n"), "\x1b[J1\n2\n… 3 lines more than fit here\n");
  EXPECT_EQ(region.draw("1\n2\n3"), "\x1b[3A\r\x1b[J1\n2\n3\n");
  LiveRegion tiny(80, 1);
  EXPECT_EQ(tiny.draw("1\n2\n"), "\x1b[J… 2 lines more than fit here\n");
}

TEST(LiveOutput, ClipsColumnsNotEscapes) {
  EXPECT_EQ(clip("\x1b[31mabcdef\x1b[0m", 3), "\x1b[31mabc\x1b[0m");
  EXPECT_EQ(clip("äöü", 2), "äö");
}

TEST(FindingOutput, GivesTheMend) {
  const Finding finding{"qemu", Level::kFail, "not found", "apt-get install qemu-system-x86"};
  EXPECT_EQ(render_finding(finding, false), "fail  qemu: not found\n       -> apt-get install qemu-system-x86\n");
  EXPECT_EQ(json_of({finding}), R"({"healthy":false,"checks":[{"check":"qemu","level":"fail","found":"not found",)"
                                R"("mend":"apt-get install qemu-system-x86"}]})");
}

TEST(EventOutput, IsOneLine) {
  EventView event;
  event.seq = 42;
  event.at = kNow;
  event.object = "app/web";
  event.reason = "created";
  event.message = "by uid/0";
  EXPECT_EQ(render_event(event, false), "2026-11-22T10:03:00.000Z  42  app/web  created: by uid/0\n");
}

TEST(ExplanationOutput, OfAnOperationSaysWhatIsInItsWay) {
  Operation operation = sample_operation();
  operation.generation = 3;
  EXPECT_EQ(render_explanation(explain(operation), false),
            "operation/op-42-0: running: 1 of 2 ready, starting\n\nWhy:\n"
            "  1. is the deploy of app/web, generation 3\n"
            "  2. 2 starts of one instance were tried\n"
            "  3. was asked for at 2026-11-22T10:00:00.000Z, is as it is since 2026-11-22T10:00:30.000Z, trace "
            "4bf92f3577b34da6a3ce929d0e0e4736\n"
            "  4. its app can tell more: unikctl explain app/web\n");
  operation.state = OperationState::kPending;
  EXPECT_NE(render_explanation(explain(operation), false).find("it waits for its turn"), std::string::npos);
  operation.error = exhausted("no_eligible_node", "0 of 1 nodes fit");
  EXPECT_NE(render_explanation(explain(operation), false).find("is held up by no_eligible_node: 0 of 1 nodes fit"),
            std::string::npos);
}

TEST(ExplanationOutput, OfATenantSaysWhatItHasOfItsQuota) {
  TenantView tenant;
  tenant.tenant.metadata.name = "team-a";
  tenant.tenant.spec.quota.instances = 50;
  tenant.tenant.spec.node_selector = {{"pool", "shared"}};
  tenant.apps = 1;
  tenant.instances = 2;
  tenant.declared_instances = 2;
  tenant.used_instances = 3;
  EXPECT_EQ(render_explanation(explain(tenant), false),
            "tenant/team-a: 1 app, 2 instances\n\nWhy:\n"
            "  1. uses 3 instances, of at most 50\n"
            "  2. uses 0 CPU, of any number\n"
            "  3. uses 0 memory, of any number\n"
            "  4. gives an app that names none 250m CPU and 128Mi\n"
            "  5. places on nodes with pool=shared alone\n");
}

TEST(ExplanationOutput, NumbersTheReasons) {
  const Explanation explanation{"app/web",
                                "pending",
                                {{"Ready", "False", "NoEligibleNode", "0 of 1 nodes fit"}},
                                {"zone=a is wanted", "n1 has zone=b"}};
  EXPECT_EQ(render_explanation(explanation, false), R"(app/web: pending
  Ready=False/NoEligibleNode: 0 of 1 nodes fit

Why:
  1. zone=a is wanted
  2. n1 has zone=b
)");
}

}  // namespace
}  // namespace unik::cli
