#include "codec/unik_yaml.hpp"

#include "codec/unik_lock.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "values.hpp"

namespace unik::codec {
namespace {

std::string faults(const std::string& text) {
  const auto result = parse_unik_yaml({"unik.yaml", text});
  if (result.ok()) return "no fault";
  std::string out;
  for (const Fault& fault : result.error().details) out += (out.empty() ? "" : "\n") + to_string(fault);
  return out;
}

TEST(UnikYamlFile, ReadsEveryField) {
  const auto result = parse_unik_yaml({"unik.yaml", R"(version: 1
language: python
runtime: python@1.2.0
build: {command: pip install -r requirements.txt}
artifact: {path: dist/app}
run: {command: [python, "-m", app]}
deploy:
  replicas: 2
  resources: {memory: 64Mi}
  ports: [{name: http, port: 8080, publish: auto}]
)"});
  ASSERT_TRUE(result.ok()) << to_string(result.error());
  UnikYaml expected{1, "python", "python@1.2.0", "pip install -r requirements.txt", "dist/app", {"python", "-m", "app"},
                    {}};
  expected.deploy.replicas = 2;
  expected.deploy.boot.resources.memory = mebibytes(64);
  expected.deploy.boot.ports = {{"http", 8080}};
  expected.deploy.run.publications = {{"http", 8080, std::nullopt}};
  EXPECT_EQ(*result, expected);
}

TEST(UnikYamlFile, LeavesEverythingToThePackWhenEmpty) {
  for (const char* text : {"", "# nothing\n", "---\n", "{}\n"})
    EXPECT_EQ(parse_unik_yaml({"unik.yaml", text}).value(), UnikYaml{}) << text;
}

TEST(UnikYamlFile, SplitsACommandOfPlainWords) {
  EXPECT_EQ(parse_unik_yaml({"u", "run: {command: python  -m app}"})->run_command,
            (std::vector<std::string>{"python", "-m", "app"}));
}

TEST(UnikYamlFile, NamesFaultsAsManifestsDo) {
  const std::pair<std::string, std::string> cases[] = {
      {"version: 2\n", "unik.yaml:1:10: version: want a whole number from 1 to 1, got `2`"},
      {"langauge: go\n",
       "unik.yaml:1:1: langauge: unknown field `langauge` in unik.yaml: did you mean `language`? fields here: "
       "artifact, build, "
       "deploy, language, run, runtime, version"},
      {"language: Go\n",
       "unik.yaml:1:11: language: want a language in lower case such as python, nodejs or go, got `Go`"},
      {"runtime: python@\n", "unik.yaml:1:10: runtime: want a runtime such as python or python@1.2.0, got `python@`"},
      {"artifact: {path: ../x}\n",
       "unik.yaml:1:18: artifact.path: want a path inside the source, without `..`, got `../x`"},
      {"artifact: {path: a/..}\n",
       "unik.yaml:1:18: artifact.path: want a path inside the source, without `..`, got `a/..`"},
      {"artifact: {path: /etc}\n",
       "unik.yaml:1:18: artifact.path: want a path inside the source, without `..`, got `/etc`"},
      {"run: {command: \"a 'b c'\"}\n",
       "unik.yaml:1:16: run.command: want words alone, since no shell reads this line in the guest: write a list, "
       "[\"program\", "
       "\"argument\"]"},
      {"run: {command: {}}\n", "unik.yaml:1:16: run.command: want a list of words, or one text, got a mapping"},
      {"run: {command: []}\n", "unik.yaml:1:16: run.command: want a program and its arguments, got none"},
      {"deploy: {image: a}\n",
       "unik.yaml:1:10: deploy.image: unknown field `image` in unik.yaml deploy: fields here: args, debug, "
       "disconnect, disruption, env, health, "
       "placement, ports, "
       "rebase, replicas, resources, restart, rollout, rootfs, singleton, stop"},
      {"version: 1\n---\nversion: 1\n", "unik.yaml:3:1: want one document, got another one"},
      {"- a\n", "unik.yaml:1:1: want a mapping of fields, got a list"},
  };
  for (const auto& [text, fault] : cases) EXPECT_TRUE(faults(text).starts_with(fault)) << text << faults(text);
}

TEST(UnikYamlFile, ReadsBackWhatItPrints) {
  EXPECT_TRUE(rc::check([] {
    const UnikYaml value = values::unik_yaml();
    const std::string text = to_yaml(value);
    const auto back = parse_unik_yaml({"unik.yaml", text});
    if (!back.ok()) RC_FAIL(to_string(back.error()) + "\n" + text);
    RC_ASSERT(*back == value);
  }));
}

TEST(UnikLockFile, ReadsBackWhatItPrintsAndRefusesHalfAPin) {
  EXPECT_TRUE(rc::check([] {
    const UnikLock value = values::unik_lock();
    const auto back = parse_unik_lock({"unik.lock", print_unik_lock(value)});
    if (!back.ok()) RC_FAIL(to_string(back.error()));
    RC_ASSERT(*back == value);
  }));
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::pair<std::string, std::string> cases[] = {
      {"{runtimes: [{name: python, version: 1.0.0}]}", "a pin is whole or none"},
      {"{runtimes: [{name: python@1.0.0, version: 1.0.0, layer: \"" + digest + "\"}]}", "without a version"},
      {"{runtimes: [{name: python, version: \"1.0\", layer: \"" + digest + "\"}]}", "three numbers"},
      {"{runtimes: [{name: python, version: 1.0.0, layer: sha256:AB}]}", "64 digits"},
      {"{version: 2}", "1"},
      {"", "got 0"}};
  for (const auto& [text, message] : cases) {
    const auto lock = parse_unik_lock({"unik.lock", text});
    ASSERT_FALSE(lock.ok()) << text;
    EXPECT_NE(to_string(lock.error()).find(message), std::string::npos) << to_string(lock.error());
  }
}

TEST(UnikYaml, TakesTheNamesOfRuntimesInEveryForm) {
  for (const std::string name :
       {"python", "python-3.11-ml", "python-3.11-ml@1.3.2", "python@latest", "reg.example:5000/team/python@1.0.0"}) {
    const auto value = parse_unik_yaml({"unik.yaml", "runtime: " + name + "\n"});
    ASSERT_TRUE(value.ok()) << name;
    EXPECT_EQ(value->runtime, name);
  }
  for (const std::string name : {"Python", "python-", "python@1.0", "3.11"})
    EXPECT_FALSE(parse_unik_yaml({"unik.yaml", "runtime: \"" + name + "\"\n"}).ok()) << name;
}

}  // namespace
}  // namespace unik::codec
