#include "codec/manifest.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "codec/yaml_out.hpp"
#include "values.hpp"

namespace unik::codec {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kDigest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

Result<std::vector<ParsedManifest>> parse(std::string text) {
  const ManifestText one{"a.yaml", std::move(text)};
  return parse_manifests(std::span(&one, 1));
}

// An app whose spec is `source: .` and the given lines, which are indented by two.
std::string app(std::string_view spec_lines) {
  return "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec:\n  source: .\n" + std::string(spec_lines);
}

std::string faults(const std::string& text) {
  const auto result = parse(text);
  if (result.ok()) return "no fault";
  std::string out;
  for (const Fault& fault : result.error().details) out += (out.empty() ? "" : "\n") + to_string(fault);
  return out.empty() ? result.error().reason : out;
}

AppSpec spec_of(const std::string& text) {
  const auto result = parse(text);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : to_string(result.error()));
  return result.ok() ? std::get<App>(result->front().resource).spec : AppSpec{};
}

TEST(Manifest, ReadsEveryFieldOfAnApp) {
  const auto result = parse(R"(apiVersion: unikctl.dev/v1
kind: App
metadata:
  name: web
  tenant: team-a
  labels: {tier: front}
  uid: 7
  generation: 3
spec:
  image: registry/web)" + std::string(kDigest) +
                            R"(
  args: ["--port", "8080"]
  env: {LOG_LEVEL: info}
  replicas: 3
  resources: {cpu: 500m, memory: 64Mi}
  ports:
    - {name: http, port: 8080, publish: 18080}
    - {port: 9090, publish: auto}
    - {name: admin, port: 9091}
  health: {http: {port: 8080, path: /up}, interval: 4s, timeout: 2s, failures: 5, grace: 1m}
  restart: {policy: on-failure, backoff: 2s, maxBackoff: 1m}
  stop: {timeout: 3s}
  placement:
    nodeSelector: {zone: a}
  singleton: strict
  rebase: auto
  rootfs: {writable: ephemeral}
  debug: true
)");
  ASSERT_TRUE(result.ok()) << to_string(result.error());
  ASSERT_EQ(result->size(), 1U);
  App expected;
  expected.metadata = {"web", "team-a", {{"tier", "front"}}, 7, 3};
  expected.spec.boot = {"registry/web" + std::string(kDigest),
                        {"--port", "8080"},
                        {{"LOG_LEVEL", "info"}},
                        {MilliCpu{500}, mebibytes(64)},
                        {{"admin", 9091}, {"http", 8080}, {"port-9090", 9090}},
                        RootWritable::kEphemeral,
                        Singleton::kStrict,
                        true,
                        0,
                        CheckTarget{8080, "/up"}};
  expected.spec.run = {{{"http", 8080, std::uint16_t{18080}}, {"port-9090", 9090, std::nullopt}},
                       HealthCheck{8080, "/up", 4s, 2s, 5, 1min},
                       {RestartPolicy::kOnFailure, 2s, 1min},
                       3s};
  expected.spec.replicas = 3;
  expected.spec.placement.node_selector = {{"zone", "a"}};
  expected.spec.rebase = Rebase::kAuto;
  EXPECT_EQ(result->front().resource, Resource(expected));
  EXPECT_EQ(to_string(result->front().where), "a.yaml:1:1");
}

// A rollout for another order of the same would replace VMs for nothing.
TEST(Manifest, TakesPortsInAnyOrder) {
  const AppSpec one =
      spec_of(app("  ports: [{name: a, port: 8080, publish: auto}, {name: b, port: 8081, publish: 9}]\n"));
  const AppSpec other =
      spec_of(app("  ports: [{name: b, port: 8081, publish: 9}, {name: a, port: 8080, publish: auto}]\n"));
  EXPECT_EQ(one.boot.ports.size(), 2U);
  EXPECT_EQ(one, other);
}

// `web-999-r1000000000000-999`, of the longest name: a host name has at most 63 characters.
TEST(Manifest, LeavesRoomInAnAppsNameForThoseOfItsInstances) {
  const auto named = [](std::size_t size) {
    return parse("apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: " + std::string(size, 'a') +
                 "}\nspec: {image: x}\n");
  };
  EXPECT_EQ(kMaxAppName, 40U);
  ASSERT_TRUE(named(kMaxAppName).ok());
  const Symbol longest(std::string(kMaxAppName, 'a'));
  EXPECT_TRUE(is_dns_label(short_name({Symbol("default"), longest, 999, 1'000'000'000'042, 999})));
  EXPECT_FALSE(named(kMaxAppName + 1).ok());
}

TEST(Manifest, ReadsNodesAndTenants) {
  const auto result = parse(R"(apiVersion: unikctl.dev/v1
kind: Node
metadata: {name: n1, labels: {zone: a}}
spec:
  schedulable: false
  reserved: {cpu: 200m, memory: 256Mi}
---
apiVersion: unikctl.dev/v1
kind: Tenant
metadata: {name: team-a}
spec:
  defaults: {resources: {cpu: 250m}}
  nodeSelector: {pool: shared}
---
apiVersion: unikctl.dev/v1
kind: Node
metadata: {name: n2}
)");
  ASSERT_TRUE(result.ok()) << to_string(result.error());
  ASSERT_EQ(result->size(), 3U);
  EXPECT_EQ((*result)[0].resource,
            Resource(Node{{"n1", "", {{"zone", "a"}}, 0, 0}, {false, {MilliCpu{200}, mebibytes(256)}, {}, {}}}));
  TenantSpec team;
  team.default_resources = {MilliCpu{250}, mebibytes(128)};
  team.node_selector = {{"pool", "shared"}};
  EXPECT_EQ((*result)[1].resource, Resource(Tenant{{"team-a", "", {}, 0, 0}, team}));
  EXPECT_EQ((*result)[2].resource, Resource(Node{{"n2", "", {}, 0, 0}, {}}));
  EXPECT_EQ((*result)[1].where.line, 8);
}

TEST(Manifest, ReadsTheKeysThatATenantTrusts) {
  const auto read = [](const std::string& keys) {
    return parse("apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: team-a}\nspec:\n  requireSignatures: " +
                 keys);
  };
  const std::string a = "RWQ" + std::string(53, 'a'), b = "RWQ" + std::string(53, 'b');
  const auto tenant = read("{keys: [" + b + ", " + a + ", " + b + "]}");
  ASSERT_TRUE(tenant.ok()) << to_string(tenant.error());
  EXPECT_EQ(std::get<Tenant>((*tenant)[0].resource).spec.require_signatures.keys, (std::vector<std::string>{a, b}));
  // A policy without a key would be one that nobody meets, or that all do: it is neither.
  for (const char* wrong : {"{}", "{keys: []}", "{keys: [RWQshort]}", "true"}) EXPECT_FALSE(read(wrong).ok()) << wrong;
  EXPECT_FALSE(read("{keys: [XX" + a.substr(2) + "]}").ok());
}

TEST(Manifest, GivesAppsTheTenantOfTheCommand) {
  const ManifestText text{"-", app("")};
  EXPECT_EQ(metadata_of(parse_manifests(std::span(&text, 1), "team-b")->front().resource).tenant, "team-b");
  EXPECT_EQ(metadata_of(parse_manifests(std::span(&text, 1))->front().resource).tenant, "default");
}

TEST(Manifest, RefusesRolloutsThatNoFleetCouldCarryOut) {
  EXPECT_NE(faults(app("  rollout: {maxSurge: 0}")).find("rollout.maxSurge: want it or `maxUnavailable` (0) above 0"),
            std::string::npos);
  EXPECT_NE(faults(app("  singleton: strict\n  rollout: {strategy: blueGreen}"))
                .find("rollout.strategy: want rolling or canary, since blueGreen"),
            std::string::npos);
  EXPECT_EQ(spec_of(app("  rollout: {maxSurge: 0, maxUnavailable: 1}")).rollout->max_unavailable, 1U);
}

TEST(Manifest, NamesTheRuntimeThatASourceIsBuiltOn) {
  const std::string head = "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec:\n";
  for (const char* name : {"python", "python@1.2.0", "python-3.11-ml@latest", "registry.example/team/python@1.0.0"})
    EXPECT_EQ(spec_of(head + "  source: ./app\n  runtime: " + name + "\n").runtime, name);
  for (const char* wrong : {"Python", "python@1.2", "python@v1.2.0", "python@", "''"})
    EXPECT_NE(faults(head + "  source: ./app\n  runtime: " + wrong + "\n").find("spec.runtime: want NAME or NAME@"),
              std::string::npos)
        << wrong;
  EXPECT_NE(faults(head + "  image: web@sha256:" + std::string(64, 'a') + "\n  runtime: python\n")
                .find("spec.runtime: want it with `source`"),
            std::string::npos);
}

TEST(Manifest, LeavesResourcesThatAreNotNamedToTheTenant) {
  EXPECT_EQ(spec_of(app("")).boot.resources, Resources{});
  EXPECT_EQ(spec_of(app("  resources: {cpu: 1}")).boot.resources, (Resources{MilliCpu{1000}, {}}));
  EXPECT_EQ(spec_of(app("  resources: {memory: 128Mi}")).boot.resources, (Resources{{}, mebibytes(128)}));
}

TEST(Manifest, ReadsJsonWithItsEscapesAndTabs) {
  const auto result = parse(
      "{\t\"apiVersion\":\"unikctl.dev/v1\",\"kind\":\"App\",\"metadata\":{\"name\":\"web\"},\n"
      "\"spec\":{\"source\":\".\\/app\",\"env\":{\"A\":\"\\ud83d\\ude00\"}}}");
  ASSERT_TRUE(result.ok()) << to_string(result.error());
  const AppSpec& spec = std::get<App>(result->front().resource).spec;
  EXPECT_EQ(spec.source, "./app");
  EXPECT_EQ(spec.boot.env.at("A"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(faults("{\"apiVersion\":\"unikctl.dev/v1\",\"kind\":\"Node\",\n \"metadata\":{\"name\":\"N "
                   "1\"},\"extra\":[1,{\"a\":2}]}"),
            "a.yaml:2:21: metadata.name: want a name of 1 to 63 characters a-z, 0-9 and `-`, beginning and ending with "
            "a letter "
            "or digit, got the text `N 1`\n"
            "a.yaml:2:28: extra: unknown field `extra` in Node: fields here: apiVersion, kind, metadata, spec, status");
}

// What the CLI sends is such a sequence.
TEST(Manifest, ReadsJsonDocumentsAfterTheirMarks) {
  const std::string first =
      R"({"apiVersion":"unikctl.dev/v1","kind":"App","metadata":{"name":"a"},"spec":{"source":"."}})";
  const std::string smile = R"({"apiVersion":"unikctl.dev/v1","kind":"App","metadata":{"name":"b"},)"
                            R"("spec":{"source":".","env":{"A":"\ud83d\ude00"}}})";
  const auto result = parse(first + "\n---\n" + smile + "\n--- " +
                            R"({"apiVersion":"unikctl.dev/v1","kind":"Tenant",)" + R"("metadata":{"name":"c"}})");
  ASSERT_TRUE(result.ok()) << to_string(result.error());
  ASSERT_EQ(result->size(), 3U);
  EXPECT_EQ(std::get<App>((*result)[1].resource).spec.boot.env.at("A"), "\xF0\x9F\x98\x80");
  EXPECT_EQ((*result)[1].where.line, 3);
  EXPECT_EQ((*result)[2].where.line, 4);
  EXPECT_EQ((*result)[2].where.column, 5);
  const std::string twice = first.substr(0, first.size() - 1) + ",\n  \"kind\":\"App\"}";
  EXPECT_EQ(faults(smile + "\n---\n" + twice), "a.yaml:4:3: duplicate key `kind`: it stands above already, remove one");
}

// What YAML 1.2 calls text is text; what only YAML 1.1 calls a boolean, a number or a date does not surprise.
TEST(ManifestScalars, TextFieldsTakeWhatIsText) {
  const AppSpec spec = spec_of(app(R"(  args: [on, 1.10.0, 0b1, -, "", 'null', 12:30, a b, --x, 0x, 1e, .]
  env: {A: NO, B: yes, C: "012", D: 1_000, E: 'true', F: 2024-01-01, G: "8080", H: "~", I: tRUE, J: 128Mi}
)"));
  EXPECT_EQ(spec.boot.args,
            (std::vector<std::string>{"on", "1.10.0", "0b1", "-", "", "null", "12:30", "a b", "--x", "0x", "1e", "."}));
  EXPECT_EQ(spec.boot.env, (std::map<std::string, std::string>{{"A", "NO"},
                                                               {"B", "yes"},
                                                               {"C", "012"},
                                                               {"D", "1_000"},
                                                               {"E", "true"},
                                                               {"F", "2024-01-01"},
                                                               {"G", "8080"},
                                                               {"H", "~"},
                                                               {"I", "tRUE"},
                                                               {"J", "128Mi"}}));
}

// The value is not shown: it may be a secret, and the place is.
TEST(ManifestScalars, TextFieldsRefuseNumbersAndBooleansWithoutQuotes) {
  for (const std::string number : {"8080", "-1", "+1", "012", "0x1F", "0o17", "1.10", "1.", ".5", "1e3", "12e4567",
                                   "-.5E-3", ".inf", "-.Inf", "+.INF", ".nan", ".NaN", ".NAN"}) {
    const std::string fault = ": want text, got a number: put it in quotes";
    EXPECT_EQ(faults(app("  env: {A: " + number + "}\n")), "a.yaml:6:12: spec.env.A" + fault) << number;
    EXPECT_EQ(faults(app("  args: [" + number + "]\n")), "a.yaml:6:10: spec.args[0]" + fault) << number;
  }
  for (const std::string boolean : {"true", "True", "TRUE", "false", "False", "FALSE"})
    EXPECT_EQ(faults("apiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {name: " + boolean + "}\n"),
              "a.yaml:3:18: metadata.name: want text, got " + boolean + ": put it in quotes");
  EXPECT_EQ(faults("{\"apiVersion\":\"unikctl.dev/v1\",\"kind\":\"Node\",\"metadata\":{\"name\":12}}"),
            "a.yaml:1:65: metadata.name: want text, got a number: put it in quotes");
}

TEST(ManifestScalars, BlocksAreTexts) {
  const AppSpec spec = spec_of(app("  env:\n    A: |\n      one\n      two\n    B: >-\n      one\n      two\n"));
  EXPECT_EQ(spec.boot.env.at("A"), "one\ntwo\n");
  EXPECT_EQ(spec.boot.env.at("B"), "one two");
}

TEST(ManifestAliases, ShareAValueInsideADocument) {
  const AppSpec spec = spec_of(app("  env: &e {A: x}\n  placement: {nodeSelector: *e}\n"));
  EXPECT_EQ(spec.boot.env, spec.placement.node_selector);
}

struct Bad {
  std::string text;
  std::string fault;
};

TEST(ManifestFaults, NameThePlaceTheFieldAndTheCure) {
  const Bad cases[] = {
      {app("  replica: 3\n"),
       "a.yaml:6:3: spec.replica: unknown field `replica` in App.spec: did you mean `replicas`? fields here: args, "
       "debug, disconnect, disruption, env, "
       "health, image, placement, ports, rebase, replicas, resources, restart, rollout, rootfs, runtime, singleton, "
       "source, "
       "stop"},
      {app("  ports: [{port: 1}]\n  health: {htp: {port: 1}, tcp: {port: 1}}\n"),
       "a.yaml:7:12: spec.health.htp: unknown field `htp` in App.spec.health: did you mean `http`? fields here: "
       "failures, grace, "
       "http, interval, tcp, timeout"},
      {app("  ports: [{port: 80}, {port: 81}]\n  health: {tcp: {port: 82}}\n"),
       "a.yaml:7:18: spec.health.tcp.port: want a port that stands in spec.ports (80, 81), got 82: add it there"},
      {app("  health: {http: {port: 82}}\n"),
       "a.yaml:6:19: spec.health.http.port: want a port that stands in spec.ports (it is empty), got 82: add it there"},
      {app("  replicas: -1\n"), "a.yaml:6:13: spec.replicas: want a whole number from 0 to 1000, got `-1`"},
      {app("  replicas: 1001\n"), "a.yaml:6:13: spec.replicas: want a whole number from 0 to 1000, got `1001`"},
      {app("  replicas: \"3\"\n"),
       "a.yaml:6:13: spec.replicas: want a whole number from 0 to 1000 without quotes, got the text `3`"},
      {app("  replicas: 012\n"),
       "a.yaml:6:13: spec.replicas: want a whole number from 0 to 1000 without leading zeros, which some read as "
       "octal, got `012`"},
      {app("  replicas: 1.0\n"), "a.yaml:6:13: spec.replicas: want a whole number from 0 to 1000, got `1.0`"},
      {app("  replicas: [1]\n"), "a.yaml:6:13: spec.replicas: want a whole number from 0 to 1000, got a list"},
      {app("  replicas: {a: 1}\n"), "a.yaml:6:13: spec.replicas: want a whole number from 0 to 1000, got a mapping"},
      {app("  replicas:\n"), "a.yaml:7:1: spec.replicas: want a whole number from 0 to 1000, got nothing"},
      {app("  debug: yes\n"), "a.yaml:6:10: spec.debug: want true or false, got `yes`"},
      {app("  debug: \"true\"\n"), "a.yaml:6:10: spec.debug: want true or false without quotes, got the text `true`"},
      {app("  args: --x\n"), "a.yaml:6:9: spec.args: want a list, got `--x`"},
      {app("  args: [a, {b: c}]\n"), "a.yaml:6:13: spec.args[1]: want text, got a mapping"},
      {app("  env: [A=1]\n"), "a.yaml:6:8: spec.env: want a mapping of names to texts, got a list"},
      {app("  env: {A: }\n"),
       "a.yaml:6:12: spec.env.A: want text, got nothing: write \"\" for an empty text, or \"null\" in quotes"},
      {app("  env: {1A: x}\n"),
       "a.yaml:6:9: spec.env.1A: want a variable's name of letters, digits, `_`, `.` and `-`, not beginning with a "
       "digit, got `1A`"},
      {app("  resources: {memory: 128MB}\n"),
       "a.yaml:6:23: spec.resources.memory: want a size such as 128Mi or 2Gi, got `128MB`"},
      {app("  resources: {memory: 1Ki}\n"), "a.yaml:6:23: spec.resources.memory: want at least 40Mi, got `1Ki`"},
      {app("  resources: {memory: 39Mi}\n"), "a.yaml:6:23: spec.resources.memory: want at least 40Mi, got `39Mi`"},
      {app("  resources: {cpu: 0}\n"), "a.yaml:6:20: spec.resources.cpu: want at least 10m, got `0`"},
      {app("  env: {A: \"" + std::string(100'000, 'x') + "\"}\n  args: [\"" + std::string(40'000, 'x') + "\"]\n"),
       "a.yaml:6:3: spec.env: want at most 131072 bytes of `args` and `env` together, got 140012: put what is large "
       "into "
       "the image"},
      {app("  resources: {cpu: half}\n"),
       "a.yaml:6:20: spec.resources.cpu: want an amount of CPU such as 500m, 2 or 1.5, got `half`"},
      {app("  stop: {timeout: 10}\n"),
       "a.yaml:6:19: spec.stop.timeout: want a duration such as 5s, 250ms or 1h30m, got `10`"},
      {app("  stop: {timeout: 2h}\n"), "a.yaml:6:19: spec.stop.timeout: want a duration from 0s to 1h, got `2h`"},
      {app("  restart: {policy: Always}\n"),
       "a.yaml:6:21: spec.restart.policy: want always, on-failure or never, got `Always`"},
      {app("  restart: {backoff: 10m}\n"), "a.yaml:6:13: spec.restart.backoff: want at most `maxBackoff`, 5m, got 10m"},
      {app("  ports: [{port: 0}]\n"), "a.yaml:6:18: spec.ports[0].port: want a whole number from 1 to 65535, got `0`"},
      {app("  ports: [{name: a}]\n"),
       "a.yaml:6:11: spec.ports[0].port: is missing: the port on which the app listens, `port: 8080`"},
      {app("  ports: [{port: 1, publish: any}]\n"),
       "a.yaml:6:30: spec.ports[0].publish: want a whole number from 1 to 65535, or auto, got `any`"},
      {app("  ports: [{port: 1, publish: atuo}]\n"),
       "a.yaml:6:30: spec.ports[0].publish: want a whole number from 1 to 65535, or auto (did you mean `auto`?), got "
       "`atuo`"},
      {app("  ports: [{port: 1, publish: 65536}]\n"),
       "a.yaml:6:30: spec.ports[0].publish: want a whole number from 1 to 65535, or auto, got `65536`"},
      {app("  ports: [{port: 1, publish: \"80\"}]\n"),
       "a.yaml:6:30: spec.ports[0].publish: want a whole number from 1 to 65535 without quotes, or auto, got the text "
       "`80`"},
      {app("  ports: [{port: 1, publish: [80]}]\n"),
       "a.yaml:6:30: spec.ports[0].publish: want a whole number from 1 to 65535, or auto, got a list"},
      {app("  ports: [{port: 1}, {name: b, port: 1}]\n"),
       "a.yaml:6:32: spec.ports[1].port: the port 1 stands here twice"},
      {app("  ports: [{name: a, port: 1}, {name: a, port: 2}]\n"),
       "a.yaml:6:32: spec.ports[1].name: two ports are named `a`: give each its own name"},
      {app("  ports: [{port: 1, publish: 9}, {port: 2, publish: 9}]\n"),
       "a.yaml:6:44: spec.ports[1].publish: the host port 9 is given to two ports"},
      {app("  health: {}\n"), "a.yaml:6:11: spec.health: want `http: {port, path}` or `tcp: {port}`, got neither"},
      {app("  ports: [{port: 1}]\n  health: {http: {port: 1}, tcp: {port: 1}}\n"),
       "a.yaml:7:11: spec.health: want either `http` or `tcp`, got both"},
      {app("  ports: [{port: 1}]\n  health: {http: {port: 1, path: up}}\n"),
       "a.yaml:7:34: spec.health.http.path: want a path that begins with `/`, without spaces, got `up`"},
      {app("  image: x\n"), "a.yaml:5:3: spec: want either `source` or `image`, got both"},
      {"apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec: {}\n",
       "a.yaml:4:7: spec: want `source: DIRECTORY` to build or `image: NAME@sha256:...`, got neither"},
      {"apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\n",
       "a.yaml:1:1: spec: is missing: `spec:` with `source: DIRECTORY` or `image: NAME@sha256:...`"},
      {"apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec: {image: \"a@sha256:0\"}\n",
       "a.yaml:4:15: spec.image: want an image such as `registry/name@sha256:` and 64 hexadecimal digits, got the text "
       "`a@sha256:0`"},
      {"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n",
       "a.yaml:1:13: apiVersion: want `unikctl.dev/v1`, got `v1`\na.yaml:2:7: kind: want App, Node or Tenant, got "
       "`Pod`"},
      {"kind: app\n",
       "a.yaml:1:1: apiVersion: is missing: `apiVersion: unikctl.dev/v1`\n"
       "a.yaml:1:7: kind: want App, Node or Tenant (did you mean `App`?), got `app`"},
      {"apiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {name: n1, tenant: a}\n",
       "a.yaml:3:22: metadata.tenant: unknown field `tenant` in Node.metadata: fields here: generation, labels, name, "
       "uid"},
      {"apiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {labels: {a: \"b c\"}}\n",
       "a.yaml:3:11: metadata.name: is missing: the object's name\n"
       "a.yaml:3:24: metadata.labels.a: want a value of at most 63 letters, digits, `.`, `_` and `-`, beginning and "
       "ending with a "
       "letter or digit, got the text `b c`"},
      {"apiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {name: n2, labels: {unikctl.dev/name: n1}}\n",
       "a.yaml:3:31: metadata.labels.unikctl.dev/name: want another label, since what begins with `unikctl.dev/` a "
       "node says of itself, got `unikctl.dev/name`"},
      {"apiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {name: n1}\nspec: {drain: {deadline: 9999999999h}}\n",
       "a.yaml:4:26: spec.drain.deadline: want a duration from 0s to 24h, got `9999999999h`"},
      {"just text\n", "a.yaml:1:1: want a mapping of fields, got `just text`"},
      {"- a\n", "a.yaml:1:1: want a mapping of fields, got a list"},
  };
  for (const Bad& bad : cases) EXPECT_EQ(faults(bad.text), bad.fault) << bad.text;
}

TEST(ManifestFaults, NameWhatYamlAloneWouldLetPass) {
  const Bad cases[] = {
      {app("  replicas: 1\n  replicas: 2\n"),
       "a.yaml:7:3: duplicate key `replicas`: it stands above already, remove one"},
      {app("  env: {A: \"x\n"), "a.yaml:6:12: a quote is opened here and never closed"},
      {app("  debug: !!bool true\n"),
       "a.yaml:6:10: tags (`!...`) are not supported: remove it, the field decides the type"},
      {app("  args: [! x]\n"), "a.yaml:6:10: tags (`!...`) are not supported: remove it, the field decides the type"},
      {app("  <<: {replicas: 1}\n"), "a.yaml:6:3: spec.<<: merge keys (`<<`) are not supported: write the fields out"},
      {app("  env: {<<: {A: b}}\n"),
       "a.yaml:6:9: spec.env.<<: merge keys (`<<`) are not supported: write the entries out"},
      {app("  args: &a [*a]\n"), "a.yaml:6:13: an alias inside the value that it names: write the value out"},
      {app("  args: *none\n"),
       "a.yaml:6:9: an alias without its anchor in this document: define it above with `&name`"},
      {app("  ? [a]\n  : b\n"), "a.yaml:6:5: want a key that is one scalar, got a mapping or list"},
      {app("\treplicas: 1\n"), "a.yaml:6:"},
      {app("  args: [a, @b]\n"), "a.yaml:6:13: text cannot begin with `@`: put it in quotes"},
      {app("  source: a: b\n"),
       "a.yaml:6:12: a second `: ` where one value is wanted: check the indentation, or put the text in quotes"},
      {app("  args: [a\n"), "a.yaml:6:9: a `[` is opened here and never closed"},
      {"- a\n-b\n",
       "a.yaml:2:1: this is no part of the document above: check the indentation, or begin a document with `---`"},
      {app(std::string("  env: {A: b\0c}\n", 16)), "a.yaml:6:13: want text, got a NUL byte"},
      {app("  env: {A: \"b\\0c\"}\n"), "a.yaml:6:12: spec.env.A: want text without NUL characters"},
      {app("  env: {A: \x02}\n"), "a.yaml:6:12: want text, got a control character"},
      {app("  env: {A: \xFF}\n"), "a.yaml:6:12: want UTF-8, got a byte that is none: save the file as UTF-8"},
      {app("  env: {A: \xC3\xA9, 1: x}\n"), "a.yaml:6:15: spec.env.1: "},  // columns count characters
  };
  for (const Bad& bad : cases) {
    const std::string got = faults(bad.text);
    EXPECT_TRUE(got.starts_with(bad.fault)) << bad.text << got;
  }
}

// yaml-cpp alone takes the end of the text for the closing quote.
TEST(ManifestFaults, AnOpenQuoteIsNoText) {
  for (const std::string_view value :
       {"\"foo", "\"foo\n", "'foo", "'foo\n", "\"foo\\\"", "'foo''", "\"foo\nbar: 1\n", "&a \"foo\n"}) {
    const std::string got = faults(app("  env:\n    A: " + std::string(value)));
    EXPECT_NE(got.find("never closed"), std::string::npos) << value << ": " << got;
  }
  EXPECT_EQ(faults(app("  env:\n    A: \"x\\\\\"\n")), "no fault");
  EXPECT_EQ(faults(app("  env:\n    A: 'it''s'")), "no fault");
  EXPECT_EQ(faults(app("  env:\n    A: |\n      \"x")), "no fault");
}

TEST(ManifestFaults, AreAllReportedInTheOrderOfTheFiles) {
  const ManifestText texts[] = {{"a.yaml", app("  debug: 1\n") + "---\n" + app("  replicas: x\n")},
                                {"b.yaml", "\n\n# only a comment\n---\n" + app("  stop: 1\n") + "...\n---\nkind: [\n"}};
  const auto result = parse_manifests(texts);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(result.error().reason, "bad_manifest");
  std::vector<std::string> places;
  for (const Fault& fault : result.error().details)
    places.push_back(fault.file + ":" + std::to_string(fault.line) + ":" + fault.path);
  EXPECT_EQ(places, (std::vector<std::string>{"a.yaml:6:spec.debug", "a.yaml:13:spec.replicas", "b.yaml:10:spec.stop",
                                              "b.yaml:13:"}));
}

TEST(ManifestFaults, TheSameObjectTwiceNamesBothPlaces) {
  EXPECT_EQ(faults(app("") + "---\n" + app("")),
            "a.yaml:7:1: metadata.name: App `web` stands here a second time, the first is at a.yaml:1:1: remove or "
            "rename one");
  EXPECT_EQ(faults(app("") + "---\napiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {name: web}\n"), "no fault");
}

TEST(ManifestDocuments, EmptyOnesAreSkipped) {
  const auto result = parse("\xEF\xBB\xBF# a comment\n---\n---\n# another\n---\r\n" + app("") + "---\n\n...\n");
  ASSERT_TRUE(result.ok()) << to_string(result.error());
  EXPECT_EQ(result->size(), 1U);
  EXPECT_EQ(result->front().where.line, 6);
}

TEST(ManifestDocuments, NothingAtAllIsAnError) {
  for (const char* text : {"", "\n\n", "---\n---\n", "# only a comment\n", "...\n", "%YAML 1.2\n---\n"}) {
    const auto result = parse(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().reason, "no_manifest") << text;
  }
  EXPECT_EQ(parse_manifests({}).error().reason, "no_manifest");
}

TEST(ManifestDocuments, AMarkInsideATextIsNone) {
  const AppSpec spec = spec_of(app("  env:\n    A: |\n      ---\n      x\n    B: \"---\"\n    C: ---x\n"));
  EXPECT_EQ(spec.boot.env.at("A"), "---\nx\n");
  EXPECT_EQ(spec.boot.env.at("C"), "---x");
}

TEST(ManifestBounds, OneDocument) {
  EXPECT_EQ(kMaxDocumentBytes, std::size_t{1} << 20);
  const std::string largest = "# " + std::string(kMaxDocumentBytes - app("").size() - 3, 'x') + "\n" + app("");
  ASSERT_EQ(largest.size(), kMaxDocumentBytes);
  EXPECT_EQ(faults(largest), "no fault");
  EXPECT_EQ(faults("#" + largest), "a.yaml:1:1: want a document of at most 1048576 bytes, got 1048577");
  EXPECT_EQ(faults(app("  env:\n    A: " + std::string(kMaxDocumentBytes, 'x') + "\n")),
            "a.yaml:1:1: want a document of at most 1048576 bytes, got 1048668");
}

TEST(ManifestBounds, OfWhatAnAppAsksFor) {
  EXPECT_EQ(spec_of(app("  replicas: 0\n")).replicas, 0U);
  EXPECT_EQ(spec_of(app("  replicas: 1000\n")).replicas, 1000U);
  EXPECT_EQ(spec_of(app("  resources: {memory: 40Mi}\n")).boot.resources.memory, mebibytes(40));
  // What stands around the value counts too.
  const auto with_value = [](std::size_t bytes) { return app("  env: {A: \"" + std::string(bytes, 'x') + "\"}\n"); };
  const std::size_t around = args_and_env_bytes(spec_of(with_value(1)).boot) - 1;
  EXPECT_EQ(faults(with_value(131'072 - around)), "no fault");
  EXPECT_NE(faults(with_value(131'072 - around + 1)).find("want at most 131072 bytes"), std::string::npos);
}

TEST(ManifestBounds, AllTogether) {
  EXPECT_EQ(kMaxInputBytes, std::size_t{64} << 20);
  EXPECT_EQ(kMaxNesting, 64U);
  const std::vector<ManifestText> texts(65, ManifestText{"a", std::string(std::size_t{1} << 20, '\n')});
  EXPECT_EQ(parse_manifests(texts).error().reason, "manifest_too_large");
  std::string many;
  for (std::size_t i = 0; i <= kMaxDocuments; ++i) many += "--- a\n";
  EXPECT_EQ(parse(many).error().reason, "manifest_too_large");
}

TEST(ManifestBounds, Nesting) {
  EXPECT_EQ(faults(app("  args: " + std::string(100, '[') + std::string(100, ']') + "\n")),
            "a.yaml:6:71: want at most 64 levels of nesting");
  EXPECT_EQ(faults(app("  args: " + std::string(62, '[') + std::string(62, ']') + "\n")),
            "a.yaml:6:10: spec.args[0]: want text, got a list")
      << "two mappings around 62 lists are 64 levels";
  EXPECT_EQ(faults(app("  args: " + std::string(63, '[') + std::string(63, ']') + "\n")),
            "a.yaml:6:71: want at most 64 levels of nesting");
  std::string dashes;
  for (int i = 0; i < 10'000; ++i) dashes += "- ";
  EXPECT_NE(faults(dashes + "x\n").find("want at most 64 levels of nesting"), std::string::npos);
}

// yaml-cpp takes a bracket that nothing closes for the beginning of a key.
TEST(ManifestBounds, NestingThatNothingCloses) {
  EXPECT_EQ(faults(app("  args: " + std::string(100'000, '[') + "\n")),
            "a.yaml:6:71: want at most 64 levels of nesting");
  EXPECT_EQ(faults("a: " + std::string(100'000, '[')), "a.yaml:1:67: want at most 64 levels of nesting");
  EXPECT_EQ(faults("a: " + std::string(100'000, '{')), "a.yaml:1:67: want at most 64 levels of nesting");
  EXPECT_EQ(faults("a: [\"]\", [']', [b # ]\n"), "a.yaml:1:16: a `[` is opened here and never closed");
  EXPECT_EQ(faults("a: [[b, it's]\n"), "a.yaml:1:4: a `[` is opened here and never closed");
  EXPECT_EQ(faults("a: {b: {c: d}\n"), "a.yaml:1:4: a `{` is opened here and never closed");
  EXPECT_EQ(faults("a: [[b]: c]\n"), "a.yaml:1:5: want a key that is one scalar, got a mapping or list");
}

// A few bytes of aliases of aliases would otherwise become gigabytes.
TEST(ManifestBounds, Aliases) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) bomb += "," + before;
    bomb += "]\n";
  }
  EXPECT_NE(faults(bomb).find("the aliases of this document unfold to too much"), std::string::npos) << faults(bomb);
  std::string wide = "a: &a \"" + std::string(10'000, 'x') + "\"\nb: [";
  for (int i = 0; i < 1000; ++i) wide += "*a,";
  EXPECT_NE(faults(wide + "]\n").find("unfold to too much"), std::string::npos);
}

TEST(ManifestBounds, Faults) {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "---\nkind: x\n";
  const auto result = parse(many);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().details.size(), kMaxFaults);
  EXPECT_NE(result.error().message.find("more than 100 faults"), std::string::npos) << result.error().message;

  std::string fields = "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: a}\nspec:\n  image: x\n";
  for (int i = 0; i < 300; ++i) fields += "  unknown" + std::to_string(i) + ": 1\n";
  const auto one = parse(fields);
  ASSERT_FALSE(one.ok());
  EXPECT_EQ(one.error().details.size(), kMaxFaults);
  EXPECT_NE(one.error().message.find("more than 100 faults"), std::string::npos) << one.error().message;
  EXPECT_NE(one.error().message.find("(the first 100 are listed)"), std::string::npos) << one.error().message;
}

TEST(ManifestBounds, AnOpenBraceIsNamed) {
  for (const char* text : {"{", "{\"apiVersion\": ", "{\"apiVersion\": [1, 2", "{\"apiVersion\": \"uni"})
    EXPECT_NE(faults(text).find("never closed"), std::string::npos) << text << ": " << faults(text);
}

// Large inputs are parsed by two threads: nothing of the result may depend on which of them was faster.
TEST(ManifestThreads, DoNotShowInTheResult) {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += "---\napiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: app-" + std::to_string(i) +
            "}\nspec: {source: ., env: {PADDING: " + std::string(60, 'x') +
            "}, replicas: " + (i % 100 == 7 ? "many" : "1") + "}\n";
  }
  ASSERT_GT(text.size(), std::size_t{256} << 10);
  const auto first = parse(text);
  ASSERT_FALSE(first.ok());
  ASSERT_EQ(first.error().details.size(), 30U);
  for (std::size_t i = 0; i < 30; ++i)
    EXPECT_EQ(first.error().details[i].line, static_cast<int>((i * 100 + 7) * 5 + 5));
  EXPECT_EQ(parse(text).error(), first.error());

  std::string good;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    const std::string line = text.substr(at, end - at);
    const std::size_t many = line.find("many");
    good += many == std::string::npos ? line : line.substr(0, many) + "1}\n";
    at = end;
  }
  const auto parsed = parse(good);
  ASSERT_TRUE(parsed.ok()) << to_string(parsed.error());
  ASSERT_EQ(parsed->size(), 3000U);
  for (int i = 0; i < 3000; ++i)
    EXPECT_EQ(metadata_of((*parsed)[static_cast<std::size_t>(i)].resource).name, "app-" + std::to_string(i));
}

TEST(YamlOut, ParsesBackToTheSameValue) {
  EXPECT_TRUE(rc::check([] {
    std::vector<Resource> resources;
    for (std::size_t i = 0; i < 3; ++i) {
      resources.push_back(values::resource());
      metadata_of(resources.back()).name = "n" + std::to_string(i);
    }
    const ManifestText text{"-", to_yaml(std::span<const Resource>(resources))};
    const auto back = parse_manifests(std::span(&text, 1));
    if (!back.ok()) RC_FAIL(to_string(back.error()) + "\n" + text.text);
    RC_ASSERT(back->size() == resources.size());
    for (std::size_t i = 0; i < resources.size(); ++i) RC_ASSERT((*back)[i].resource == resources[i]);
  }));
}

TEST(YamlOut, LeavesOutWhatNobodyAskedForAndWhatIsTheControllers) {
  App app;
  app.metadata = {"web", "default", {}, 7, 3};
  app.spec.boot.image = "web" + std::string(kDigest);
  app.spec.boot.env = {{"NO", "on"}, {"PORT", "8080"}, {"TEXT", "a b"}};
  app.spec.boot.resources.cpu = {2000};
  app.spec.boot.ports = {{"http", 8080}};
  app.spec.run.publications = {{"http", 8080, std::nullopt}};
  EXPECT_EQ(to_yaml(Resource(app)),
            "apiVersion: unikctl.dev/v1\n"
            "kind: App\n"
            "metadata:\n"
            "  name: web\n"
            "  tenant: default\n"
            "spec:\n"
            "  image: web" +
                std::string(kDigest) +
                "\n"
                "  env:\n"
                "    \"NO\": \"on\"\n"
                "    PORT: \"8080\"\n"
                "    TEXT: a b\n"
                "  replicas: 1\n"
                "  resources:\n"
                "    cpu: \"2\"\n"
                "  ports:\n"
                "    - name: http\n"
                "      port: 8080\n"
                "      publish: auto\n");
}

}  // namespace
}  // namespace unik::codec
