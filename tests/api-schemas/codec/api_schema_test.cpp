// api.schema.json says what the codec writes, field by field, and openapi.yaml names the body of every answer.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "codec/json.hpp"
#include "codec/policy_fields.hpp"
#include "codec/views_json.hpp"
#include "tests/api-schemas/codec/sample_views.hpp"

namespace unik::codec {
namespace {

using nlohmann::json;
using namespace samples;

const std::string kSchemas = std::string(UNIK_SOURCE_DIR) + "/api-schemas/schemas/";

json load(const std::string& name) {
  std::ifstream file(kSchemas + name);
  return json::parse(file);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// valijson wants one document: the other files become definitions, and the references point there.
const json& api() {
  static const json bundled = [] {
    json all = load("api.schema.json");
    const json common = load("common.schema.json");
    for (const auto& [name, definition] : common["definitions"].items()) {
      EXPECT_FALSE(all["definitions"].contains(name)) << name << " is defined twice";
      all["definitions"][name] = definition;
    }
    for (const char* const kind : {"app", "node", "tenant"})
      all["definitions"][kind] = load(kind + std::string(".schema.json"));
    std::string text = all.dump();
    replace_all(text, "common.schema.json#", "#");
    for (const char* const kind : {"app", "node", "tenant"})
      replace_all(text, kind + std::string(".schema.json#"), std::string("#/definitions/") + kind);
    return json::parse(text);
  }();
  return bundled;
}

const json& resolved(const json& schema) {
  if (schema.contains("allOf")) return resolved(schema["allOf"][0]);
  if (!schema.contains("$ref")) return schema;
  return resolved(api().at(json::json_pointer(schema["$ref"].get<std::string>().substr(1))));
}

// What has a schema of its own, which schema_test.cpp holds to the code.
bool is_manifest(const std::string& path) {
  return path.ends_with(".spec") || path.ends_with(".metadata");
}

void fields_of_schema(const json& schema, const std::string& path, std::set<std::string>& out) {
  const json& here = resolved(schema);
  if (here.contains("items")) return fields_of_schema(here["items"], path + "[]", out);
  if (here.contains("oneOf"))
    for (const json& one : here["oneOf"]) fields_of_schema(one, path, out);
  if (!here.contains("properties") || path.ends_with(".labels")) return;
  for (const auto& [name, property] : here["properties"].items()) {
    out.insert(path + "." + name);
    if (!is_manifest(path + "." + name)) fields_of_schema(property, path + "." + name, out);
  }
}

void fields_of_value(const json& value, const std::string& path, std::set<std::string>& out) {
  if (value.is_array())
    for (const json& item : value) fields_of_value(item, path + "[]", out);
  if (!value.is_object() || path.ends_with(".env") || path.ends_with(".labels")) return;
  for (const auto& [name, member] : value.items()) {
    out.insert(path + "." + name);
    if (!is_manifest(path + "." + name)) fields_of_value(member, path + "." + name, out);
  }
}

// `texts` are what the codec writes for values that have every field between them.
void expect_described(const std::string& definition, const std::vector<std::string>& texts) {
  SCOPED_TRACE(definition);
  ASSERT_TRUE(api()["definitions"].contains(definition));
  json schema = api();
  schema["$ref"] = "#/definitions/" + definition;
  valijson::Schema parsed;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), parsed);
  std::set<std::string> written;
  for (const std::string& text : texts) {
    const json value = json::parse(text);
    valijson::ValidationResults faults;
    valijson::Validator validator;
    EXPECT_TRUE(validator.validate(parsed, valijson::adapters::NlohmannJsonAdapter(value), &faults)) << text;
    for (valijson::ValidationResults::Error fault; faults.popError(fault);) ADD_FAILURE() << fault.description;
    fields_of_value(value, "", written);
  }
  std::set<std::string> described;
  fields_of_schema(api()["definitions"][definition], "", described);
  EXPECT_EQ(written, described);
}

ReportBody report_body() {
  ReportBody body;
  body.instances = {{instance().id, instance().status}};
  body.publications = {{{Symbol("default"), Symbol("web")}, "http", 80, "127.0.0.1", 8080, "taken"}};
  return body;
}

Goals goals() {
  EnsureRunning run{instance().id, app().app.spec.boot, {}, std::chrono::minutes(1)};
  run.boot.args = {"-v"};
  run.boot.env = {{"A", "b"}};
  run.boot.ports = {{"http", 80}};
  run.boot.singleton = Singleton::kStrict;
  run.boot.check = CheckTarget{8080, "/"};
  run.boot.restart = 1;
  run.run.publications = {{"http", 80, std::uint16_t{8080}}};
  run.run.health.emplace().path = "/";
  return {
      {"cluster", {0, 1}, 42}, {EnsureImage{kImage}, run, EnsureAbsent{instance().id, {}}}, {{instance().id, "trace"}}};
}

TEST(ApiSchema, SaysWhatTheCodecWrites) {
  expect_described("AppView", {to_json(app())});
  expect_described("InstanceView", {to_json(instance())});
  expect_described("NodeView", {to_json(node())});
  expect_described("TenantView", {to_json(tenant())});
  expect_described("Operation", {to_json(operation()), to_json(build_operation())});
  expect_described("QuarantinedView", {to_json(quarantined())});
  expect_described("StatusView", {to_json(status_view())});
  expect_described("RolloutView", {to_json(rollout_view())});
  expect_described("ApplyReply", {to_json(apply_reply())});
  expect_described("EventView", {to_json(event_view())});
  expect_described("Explanation", {to_json(explanation())});
  expect_described("Error", {to_json(*operation().error)});
  expect_described("AppList", {to_json(Page<AppView>{{app()}, 3, "web"})});
  expect_described("InstanceList", {to_json(Page<InstanceView>{{instance()}, 3, "web-0-r42-1"})});
  expect_described("NodeList", {to_json(Page<NodeView>{{node()}, 3, "n1"})});
  expect_described("TenantList", {to_json(Page<TenantView>{{tenant()}, 3, "team-a"})});
  expect_described("OperationList", {to_json(Page<Operation>{{operation(), build_operation()}, 3, "op-42-0"})});
  expect_described("QuarantineList", {to_json(Page<QuarantinedView>{{quarantined()}, 3, "n2"})});
}

TEST(ApiSchema, SaysWhatAgentAndControllerTellEachOther) {
  RegisterRequest request{"n1", 7, {{"zone", "a"}}, *node().info, "3f-a1"};
  expect_described("RegisterRequest", {to_json(request)});
  expect_described("RegisterReply", {to_json(RegisterReply{"cluster", std::chrono::seconds(10), 8, true})});
  Report report{"n1", "boot", 7, 1, {"cluster", {0, 1}, 42}, 5, report_body()};
  expect_described("Report", {to_json(report)});
  HeartbeatReply reply;
  reply.goals = goals();
  reply.logs = {{"s1", instance().id, {LogSelect::kPrevious, 10, at("2026-11-22T10:00:00Z"), true, true}}};
  expect_described("HeartbeatReply", {to_json(reply)});
}

TEST(ApiSchema, SaysWhatAnEnumCanBe) {
  const auto values = [](const std::string& definition, const std::string& field) {
    return api()["definitions"][definition]["properties"][field]["enum"].get<std::set<std::string>>();
  };
  const auto names = [](auto parse, const std::set<std::string>& texts) {
    for (const std::string& text : texts) EXPECT_TRUE(parse(text).has_value()) << text;
    return texts.size();
  };
  EXPECT_EQ(names(parse_phase, values("InstanceStatus", "phase")), 4U);
  EXPECT_EQ(names(parse_health, values("InstanceStatus", "health")), 4U);
  EXPECT_EQ(names(parse_exit_kind, values("Exit", "kind")), 5U);
  EXPECT_EQ(names(parse_operation_kind, values("Operation", "kind")), 3U);
  EXPECT_EQ(names(parse_operation_state, values("Operation", "state")), 4U);
  EXPECT_EQ(names(parse_change_effect, api()["definitions"]["Effect"]["enum"]), 4U);
  EXPECT_EQ(names(parse_rollout_strategy, values("RolloutView", "strategy")), 3U);
}

std::string reference_in(const YAML::Node& content) {
  for (const auto& type : content) {
    const YAML::Node schema = type.second["schema"];
    if (schema && schema["$ref"]) return schema["$ref"].as<std::string>();
    if (schema && schema["type"]) return schema["type"].as<std::string>();
  }
  return {};
}

void expect_known(const std::string& reference, const std::string& where) {
  const std::string file = "api.schema.json#/definitions/";
  if (!reference.starts_with(file)) {
    EXPECT_EQ(reference, "string") << where << ": an answer that is neither of api.schema.json nor text";
    return;
  }
  EXPECT_TRUE(api()["definitions"].contains(reference.substr(file.size()))) << where << ": " << reference;
}

TEST(ApiSchema, NamesTheBodyOfEveryAnswer) {
  const YAML::Node document = YAML::LoadFile(kSchemas + "openapi.yaml");
  expect_known(reference_in(document["components"]["responses"]["Error"]["content"]), "Error");
  std::size_t answers = 0;
  for (const auto& path : document["paths"])
    for (const auto& method : path.second) {
      const std::string where = method.first.as<std::string>() + " " + path.first.as<std::string>();
      if (method.first.as<std::string>() == "head") continue;
      for (const auto& response : method.second["responses"]) {
        const std::string code = response.first.as<std::string>();
        if (response.second["$ref"]) {
          EXPECT_EQ(response.second["$ref"].as<std::string>(), "#/components/responses/Error") << where;
          continue;
        }
        if (where == "post /v1/nodes/{name}/logs/{stream_id}") continue;  // answered by nothing but its status
        ASSERT_TRUE(response.second["content"]) << where << " " << code << " has no content";
        expect_known(reference_in(response.second["content"]), where + " " + code);
        ++answers;
      }
      if (method.second["requestBody"]) expect_known(reference_in(method.second["requestBody"]["content"]), where);
    }
  EXPECT_GT(answers, 40U);
}

}  // namespace
}  // namespace unik::codec
