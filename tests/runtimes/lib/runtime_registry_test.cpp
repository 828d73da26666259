// What runtimes, their versions and their tags may be called, and what a registry of them says.
#include "runtimes/lib/runtime/runtime_registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#define VALIJSON_USE_EXCEPTIONS 1
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "codec/embedded_schemas.hpp"
#include "runtimes/lib/runtime/release_tag.hpp"
#include "runtimes/lib/runtime/runtime_platform.hpp"

namespace unik::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// ---- Names, versions, tags: what is valid, and what the others are told ----

struct Case {
  std::string text;
  std::string told;  // empty: valid
};

TEST(RuntimeNaming, TakesAndRefusesNames) {
  const Case cases[] = {
      {"python-3.11-ml", ""},
      {"openjdk-21", ""},
      {"python-3.11-pytorch-cuda", ""},
      {"graalvmjdk-21", ""},
      {"node-18.20", ""},
      {"Python-3.11-ml", "got `P`"},
      {"python_3.11_ml", "got `_`"},
      {"python@3.11-ml", "got 2 of three parts"},
      {"Python ML 3.11", "got `P`"},
      {"python ml", "got ` `"},
      {"python#3", "got `#`"},
      {"3.11-python", "a letter at the beginning, got `3`"},
      {"python-", "a letter or digit at the end, got `-`"},
  };
  for (const Case& one : cases) {
    const auto name = parse_runtime_name(one.text);
    EXPECT_EQ(name.ok(), one.told.empty()) << one.text;
    if (!name) EXPECT_THAT(name.error().message, HasSubstr(one.told)) << one.text;
  }
}

TEST(RuntimeNaming, TakesAndRefusesVersions) {
  const Case cases[] = {
      {"1.0.0", ""},
      {"1.3.2", ""},
      {"2.0.0", ""},
      {"10.15.3", ""},
      {"1.0", "got 2 of three parts"},
      {"v1.0.0", "got `v1` where a number belongs"},
      {"1.0.0-beta", "got `0-beta` where a number belongs"},
      {"1.0.0.0", "got `0.0` where a number belongs"},
      {"", "got 1 of three parts"},
      {"1..0", "got `` where a number belongs"},
      {"01.0.0", "got `01` where a number belongs"},
  };
  for (const Case& one : cases) {
    const auto version = parse_runtime_version(one.text);
    EXPECT_EQ(version.ok(), one.told.empty()) << one.text;
    if (!version) EXPECT_THAT(version.error().message, HasSubstr(one.told)) << one.text;
  }
}

TEST(RuntimeNaming, TakesAndRefusesTags) {
  const std::vector<std::string> runtimes{"openjdk-21", "python-3.11-ml", "vlang"};
  const Case cases[] = {
      {"python-3.11-ml@1.3.2", ""},
      {"openjdk-21@2.0.0", ""},
      {"vlang@1.0.0", ""},
      {"v1.3.2", ""},
      {"python-3.11-ml-1.3.2", "`-` stands where `@` belongs: `python-3.11-ml@1.3.2`"},
      {"openjdk-21:1.3.2", "`openjdk-21@1.3.2`"},
      {"openjdk-21/1.3.2", "`openjdk-21@1.3.2`"},
      {"python@1.3.2", "there is no runtime `python`; there is openjdk-21, python-3.11-ml, vlang"},
      {"openjdk-12@1.3.2", "did you mean `openjdk-21`?"},
      {"openjdk-21@v1.3.2", "write `openjdk-21@1.3.2`, without the `v`"},
      {"openjdk-21@latest", "a release says its version"},
      {"openjdk-21@1.3", "got 2 of three parts"},
      {"openjdk-21@", "got 1 of three parts"},
      {"OpenJDK-21@1.3.2", "got `O`"},
      {"team/openjdk-21@1.3.2", "a tag has no namespace"},
      {"@1.3.2", "want a name before `@`"},
      {"1.3.2", "write `v1.3.2` to release all runtimes"},
      {"V1.3.2", "write `v1.3.2` to release all runtimes"},
      {"v1.3", "got 2 of three parts"},
      {"v1.3.2-rc1", "got `2-rc1` where a number belongs"},
      {"v1.3.2.0", "got `2.0` where a number belongs"},
      {"vlang", "there is no `@` in it"},
      {"", "there is no `@` in it"},
  };
  for (const Case& one : cases) {
    const auto tag = parse_release_tag(one.text, runtimes);
    EXPECT_EQ(tag.ok(), one.told.empty()) << one.text;
    if (!tag) EXPECT_THAT(tag.error().message, HasSubstr(one.told)) << one.text;
    if (tag) EXPECT_EQ(to_string(*tag), one.text);
  }
  EXPECT_EQ(*parse_release_tag("v1.3.2", runtimes), (ReleaseTag{"", {1, 3, 2}}));
  EXPECT_EQ(*parse_release_tag("vlang@1.0.0", runtimes), (ReleaseTag{"vlang", {1, 0, 0}}));
}

TEST(RuntimePlatforms, AreReadInBothForms) {
  for (const char* text : {"linux/amd64", "ubuntu-amd64", "rhel-amd64", "amzn-amd64", "linux-amd64"})
    EXPECT_EQ(*parse_runtime_platform(text), (Platform{"linux", "amd64"})) << text;
  EXPECT_EQ(to_string(*parse_runtime_platform("ubuntu-arm64")), "linux/arm64");
  const Case cases[] = {{"linux", "got no `/`"},
                        {"windows/amd64", "got `windows` for the operating system"},
                        {"windows-amd64", "got `windows` for the operating system"},
                        {"ubuntu/amd64", "got `ubuntu` for the operating system"},
                        {"linux/riscv64", "got `riscv64` for the architecture"}};
  for (const Case& one : cases)
    EXPECT_THAT(parse_runtime_platform(one.text).error().message, HasSubstr(one.told)) << one.text;
  const std::vector<std::string> platforms{"windows/amd64", "ubuntu-arm64"};
  EXPECT_TRUE(runs_on(platforms, {"linux", "arm64"}));
  EXPECT_FALSE(runs_on(platforms, {"linux", "amd64"}));
}

// ---- The registry ----

RuntimeRelease release(const std::string& version) {
  RuntimeRelease one;
  one.version = *parse_runtime_version(version);
  one.description = "made by a test";
  one.download_url = "https://example.org/lang-" + version + ".tar.gz";
  one.checksum = sha256(version);
  one.size = 1234;
  one.platforms = {"linux/amd64"};
  return one;
}

RuntimeRegistry parsed(const std::string& text) {
  auto registry = parse_runtime_registry(text, "registry.json");
  EXPECT_TRUE(registry.ok()) << to_string(registry.error());
  return registry ? *registry : RuntimeRegistry{};
}

std::string with(const std::string& text, const std::string& name, const RuntimeRelease& one) {
  const auto more = add_release(text, name, one, "2026-01-02T03:04:05Z");
  EXPECT_TRUE(more.ok()) << to_string(more.error());
  return more ? *more : text;
}

bool fits_schema(const std::string& text) {
  for (const codec::EmbeddedSchema& embedded : codec::embedded_schemas()) {
    if (embedded.name != "runtimeregistry.schema.json") continue;
    valijson::Schema schema;
    const auto words = nlohmann::json::parse(embedded.text);
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(words), schema);
    const auto value = nlohmann::json::parse(text);
    return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
  }
  ADD_FAILURE() << "no such schema";
  return false;
}

TEST(RuntimeRegistries, AreReadAsTheyWereWritten) {
  RuntimeRelease full = release("1.2.0");
  full.image_digest = sha256("image");
  full.signature = "untrusted comment: a\nb\ntrusted comment: c\nd\n";
  full.released_at = "2026-01-01T00:00:00Z";
  full.yanked = true;
  const std::string text = with(with("", "lang", full), "lang", release("1.10.0"));
  const RuntimeRegistry registry = parsed(text);
  EXPECT_EQ(registry.updated_at, "2026-01-02T03:04:05Z");
  EXPECT_THAT(registry.faults, IsEmpty());
  ASSERT_THAT(registry.runtimes, SizeIs(1));
  EXPECT_EQ(registry.runtimes.at("lang").at({1, 2, 0}), full);
  EXPECT_EQ(registry.runtimes.at("lang").at({1, 10, 0}), release("1.10.0"));
  EXPECT_TRUE(fits_schema(text));
}

// As the registry of Joblet's runtimes writes it, foreign members and platforms included.
constexpr const char* kForeign = R"({
  "_comment": "AUTO-GENERATED FILE",
  "version": "1",
  "updated_at": "2025-10-20T23:54:11Z",
  "runtimes": {
    "python-3.11-ml": {
      "1.3.1": {
        "version": "1.3.1",
        "description": "Python 3.11 with ML libraries",
        "download_url": "https://example.org/download/v1.3.1/python-3.11-ml-1.3.1.tar.gz",
        "checksum": "sha256:7945dac17dd589885373b2b733050f59316e6281faaa6b15483aae5598119fdc",
        "size": 12009,
        "platforms": [
          "ubuntu-amd64",
          "amzn-arm64"
        ],
        "_built_by": 7
      }
    }
  }
}
)";

TEST(RuntimeRegistries, OfOthersAreReadToo) {
  const RuntimeRegistry registry = parsed(kForeign);
  EXPECT_THAT(registry.faults, IsEmpty());
  const RuntimeRelease& one = registry.runtimes.at("python-3.11-ml").at({1, 3, 1});
  EXPECT_EQ(one.size, 12009);
  EXPECT_THAT(one.platforms, ElementsAre("ubuntu-amd64", "amzn-arm64"));
  EXPECT_TRUE(fits_schema(kForeign));
}

TEST(RuntimeRegistries, KeepEveryOtherEntryAsItStands) {
  std::string text = with(kForeign, "aaa", release("0.1.0"));
  text = with(text, "python-3.11-ml", release("1.2.9"));
  const std::string foreign = kForeign;
  const std::size_t begin = foreign.find("\"1.3.1\": {");
  const std::size_t end = foreign.find("\n      }", begin);
  EXPECT_THAT(text, HasSubstr(foreign.substr(begin, end - begin)));
  EXPECT_THAT(text, HasSubstr("\"_comment\": \"AUTO-GENERATED FILE\""));
  // In order, as a person would look for them.
  EXPECT_LT(text.find("\"aaa\""), text.find("\"python-3.11-ml\""));
  EXPECT_LT(text.find("\"1.2.9\": {"), text.find("\"1.3.1\": {"));
}

TEST(RuntimeRegistries, NeverOverwriteWhatWasPublished) {
  const std::string text = with("", "lang", release("1.0.0"));
  const auto again = add_release(text, "lang", release("1.0.0"), "");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().reason, "release_exists");
  const auto yanked = yank_release(text, "lang", {1, 0, 0}, "later");
  ASSERT_TRUE(yanked.ok());
  EXPECT_EQ(add_release(*yanked, "lang", release("1.0.0"), "").error().reason, "release_exists");
  EXPECT_TRUE(parsed(*yanked).runtimes.at("lang").at({1, 0, 0}).yanked);
  EXPECT_EQ(yank_release(text, "lang", {2, 0, 0}, "").error().reason, "no_such_version");
}

TEST(RuntimeRegistries, FindTheHighestByNumberThatIsNotYanked) {
  std::string text;
  for (const char* version : {"1.9.9", "1.10.0", "2.0.0"}) text = with(text, "lang", release(version));
  text = *yank_release(text, "lang", {2, 0, 0}, "");
  const RuntimeRegistry registry = parsed(text);
  EXPECT_EQ(find_release(registry, {"", "lang", ""})->version, (RuntimeVersion{1, 10, 0}));
  EXPECT_EQ(find_release(registry, {"", "lang", "1.9.9"})->version, (RuntimeVersion{1, 9, 9}));
  EXPECT_TRUE(find_release(registry, {"", "lang", "2.0.0"})->yanked);
  EXPECT_THAT(find_release(registry, {"", "lang", "3.0.0"}).error().message,
              HasSubstr("there is 2.0.0 (yanked), 1.10.0, 1.9.9"));
  EXPECT_THAT(find_release(registry, {"", "lagn", ""}).error().message, HasSubstr("did you mean `lang`?"));
  const RuntimeRegistry bad = parsed(*yank_release(with("", "lang", release("1.0.0")), "lang", {1, 0, 0}, ""));
  EXPECT_EQ(find_release(bad, {"", "lang", ""}).error().reason, "no_such_version");
}

TEST(RuntimeRegistries, TellOfBadEntriesAndTakeTheOthers) {
  nlohmann::json json = nlohmann::json::parse(with(with("", "lang", release("1.0.0")), "lang", release("1.1.0")));
  auto& versions = json["runtimes"]["lang"];
  const nlohmann::json good = versions["1.0.0"];
  const auto bad = [&](const char* version, const char* key, const nlohmann::json& value) {
    versions[version] = good;
    versions[version]["version"] = version;
    versions[version][key] = value;
  };
  bad("2.0.0", "checksum", "md5:12");
  bad("3.0.0", "size", 0);
  bad("4.0.0", "platforms", nlohmann::json::array());
  bad("5.0.0", "download_url", nullptr);
  bad("6.0.0", "version", "6.0.1");
  bad("7.0.0", "yanked", "yes");
  bad("7.0.1", "size", "big");
  bad("7.0.2", "platforms", nlohmann::json::array({nlohmann::json::array({"linux"})}));
  bad("7.0.3", "platforms", nlohmann::json::array({1.5}));
  bad("8.0", "size", 5);
  json["runtimes"]["Bad"] = versions;
  json["runtimes"]["lang@1.0.0"] = versions;
  const RuntimeRegistry registry = parsed(json.dump());
  EXPECT_THAT(registry.runtimes.at("lang"), SizeIs(2));
  std::string told;
  for (const std::string& fault : registry.faults) told += fault + "\n";
  for (const char* part :
       {"runtimes.lang.2.0.0: checksum: want sha256:", "runtimes.lang.3.0.0: size: want 1 to 17179869184 bytes, got 0",
        "runtimes.lang.4.0.0: platforms: want a list of 1 to 64, got one of 0",
        "runtimes.lang.7.0.1: size: want 1 to 17179869184 bytes, got `big`",
        "runtimes.lang.7.0.2: platforms: want texts such as linux/amd64, got a list",
        "runtimes.lang.7.0.3: platforms: want texts such as linux/amd64, got a number",
        "runtimes.lang.5.0.0: download_url: is missing", "runtimes.lang.6.0.0: version: want `6.0.0`",
        "runtimes.lang.7.0.0: yanked: want true or false", "runtimes.lang.8.0: version `8.0`: want MAJOR.MINOR.PATCH",
        "runtimes.Bad: ", "runtimes.lang@1.0.0: want a name alone"})
    EXPECT_THAT(told, HasSubstr(part));
}

TEST(RuntimeRegistries, AreOfAtMost8MiBAnd20000Releases) {
  const auto of_size = [](std::size_t bytes) {
    std::string text = R"({"version": "1", "runtimes": {}})";
    text.resize(bytes, '\n');
    return parse_runtime_registry(text, "r");
  };
  EXPECT_TRUE(of_size(std::size_t{8} << 20).ok());
  EXPECT_EQ(of_size((std::size_t{8} << 20) + 1).error().reason, "bad_registry");
  // Those that cannot be read count too.
  const auto of_releases = [](int count) {
    std::string text = R"({"version": "1", "runtimes": {"a": {"1.0.0": {})";
    for (int i = 1; i < count; ++i) text += ",\"1.0." + std::to_string(i) + "\": {}";
    return parse_runtime_registry(text + "}}}", "r");
  };
  EXPECT_TRUE(of_releases(20'000).ok());
  const auto more = of_releases(20'001);
  ASSERT_FALSE(more.ok());
  EXPECT_THAT(more.error().message, HasSubstr("of at most 20000 releases, found more"));
}

TEST(RuntimeRegistries, OfAnotherFormAreRefused) {
  const Case cases[] = {{"", "bad"},
                        {"[]", "found no text `version`"},
                        {R"({"version": 1, "runtimes": {}})", "found no text `version`"},
                        {R"({"version": "2", "runtimes": {}})", "found version 2; a newer unikctl may read it"},
                        {R"({"version": "1"})", "found no mapping `runtimes`"},
                        {R"({"version": "1", "runtimes": {"a": {}, "a": {}}})", "duplicate key `a`"}};
  for (const Case& one : cases) {
    const auto registry = parse_runtime_registry(one.text, "r");
    ASSERT_FALSE(registry.ok()) << one.text;
    EXPECT_EQ(registry.error().reason, "bad_registry");
    if (one.told != "bad") EXPECT_THAT(registry.error().message, HasSubstr(one.told));
  }
}

}  // namespace
}  // namespace unik::runtimes
