#include "cli/context.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace unik::cli {
namespace {

Environment environment(std::map<std::string, std::string> variables = {}) {
  variables.emplace("HOME", "/home/u");
  return {std::move(variables), "/work", "/opt/bin"};
}

Config two_contexts() {
  const auto config = parse_config(R"(current: prod
contexts:
  prod: {url: "https://control.example:7443", token: s3cret, tenant: team-a}
  lab: {url: http://127.0.0.1:7080}
)",
                                   "config.yaml");
  EXPECT_TRUE(config) << to_string(config.error());
  return config ? *config : Config{};
}

TEST(Context, IsTheLocalOneWhenNothingIsNamed) {
  const auto target = resolve_target({}, environment(), {});
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->local);
  EXPECT_EQ(target->endpoint.socket_path, "/home/u/.local/share/unikctl/controller.sock");
  EXPECT_EQ(target->tenant, "default");
  EXPECT_TRUE(target->token.empty());
}

TEST(Context, FollowsUnikctlHomeThenXdgDataHome) {
  EXPECT_EQ(local_socket(environment({{"XDG_DATA_HOME", "/data"}})), "/data/unikctl/controller.sock");
  EXPECT_EQ(local_socket(environment({{"XDG_DATA_HOME", "/data"}, {"UNIKCTL_HOME", "/srv/u"}})),
            "/srv/u/controller.sock");
  EXPECT_EQ(local_socket(environment({{"UNIKCTL_HOME", "here"}})), "/work/here/controller.sock");
}

TEST(Context, LooksTheHomeUpWhereItIsNotSaid) {
  const char* const before = std::getenv("HOME");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("HOME", "", 1);
  const Environment environment = read_environment();
  if (before == nullptr)
    ::unsetenv("HOME");
  else
    ::setenv("HOME", kept.c_str(), 1);
  EXPECT_TRUE(environment.get("HOME").starts_with("/")) << environment.get("HOME");
}

TEST(Context, RefusesAHomeThatNoSocketFitsInto) {
  const std::string home = "/" + std::string(107 - std::string_view("//controller.sock").size(), 'h');
  EXPECT_TRUE(resolve_target({}, environment({{"UNIKCTL_HOME", home}}), {}));
  const auto target = resolve_target({}, environment({{"UNIKCTL_HOME", home + "h"}}), {});
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().reason, "home_too_long");
  EXPECT_NE(target.error().message.find("got the 108 of " + home), std::string::npos) << target.error().message;
  EXPECT_NE(target.error().message.find("set UNIKCTL_HOME to a shorter path"), std::string::npos);
  TargetFlags flags;
  flags.url = "http://127.0.0.1:3";
  EXPECT_TRUE(resolve_target(flags, environment({{"UNIKCTL_HOME", home + "h"}}), {}));
}

TEST(Context, FlagsBeatVariablesBeatTheConfig) {
  const auto env = environment({{"UNIKCTL_CONTROL_PLANE_URL", "http://127.0.0.1:2"}, {"UNIKCTL_TENANT", "from-env"}});
  const auto by_config = resolve_target({}, environment(), two_contexts());
  ASSERT_TRUE(by_config);
  EXPECT_EQ(by_config->endpoint.host, "control.example");
  EXPECT_EQ(by_config->token, "s3cret");
  EXPECT_EQ(by_config->tenant, "team-a");
  EXPECT_EQ(by_config->origin, "context prod");

  const auto by_variable = resolve_target({}, env, two_contexts());
  ASSERT_TRUE(by_variable);
  EXPECT_EQ(by_variable->endpoint.port, 2);
  EXPECT_EQ(by_variable->tenant, "from-env");

  TargetFlags flags;
  flags.url = "http://127.0.0.1:3";
  flags.tenant = "from-flag";
  const auto by_flag = resolve_target(flags, env, two_contexts());
  ASSERT_TRUE(by_flag);
  EXPECT_EQ(by_flag->endpoint.port, 3);
  EXPECT_EQ(by_flag->tenant, "from-flag");
}

TEST(Context, NeverSendsAContextsTokenElsewhere) {
  TargetFlags flags;
  flags.url = "http://127.0.0.1:3";
  const auto target = resolve_target(flags, environment(), two_contexts());
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->token.empty());
}

TEST(Context, ChosenByFlagBeatsTheUrlVariable) {
  TargetFlags flags;
  flags.context = "lab";
  const auto target =
      resolve_target(flags, environment({{"UNIKCTL_CONTROL_PLANE_URL", "http://127.0.0.1:2"}}), two_contexts());
  ASSERT_TRUE(target);
  EXPECT_EQ(target->endpoint.port, 7080);
}

TEST(Context, TheLocalOneCanBeNamed) {
  TargetFlags flags;
  flags.context = "local";
  const auto env = environment({{"UNIKCTL_CONTROL_PLANE_URL", "http://127.0.0.1:2"}});
  for (const Config& config : {Config{}, two_contexts()}) {
    const auto target = resolve_target(flags, env, config);
    ASSERT_TRUE(target) << to_string(target.error());
    EXPECT_TRUE(target->local);
    EXPECT_TRUE(target->token.empty());
    EXPECT_EQ(target->tenant, "default");
  }
  const auto theirs = parse_config("contexts: {local: {url: http://127.0.0.1:9}}", "config.yaml");
  ASSERT_TRUE(theirs);
  EXPECT_EQ(resolve_target(flags, env, *theirs)->endpoint.port, 9) << "a context of that name goes before";
}

TEST(Context, SuggestsTheNearestName) {
  TargetFlags flags;
  flags.context = "prd";
  const auto target = resolve_target(flags, environment(), two_contexts());
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, ErrorCode::kNotFound);
  EXPECT_NE(target.error().message.find("did you mean `prod`?"), std::string::npos) << target.error().message;
}

TEST(Context, RefusesABadUrlAndNamesWhoGaveIt) {
  const auto target = resolve_target({}, environment({{"UNIKCTL_CONTROL_PLANE_URL", "ftp://x"}}), {});
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, ErrorCode::kInvalid);
  EXPECT_NE(target.error().message.find("UNIKCTL_CONTROL_PLANE_URL"), std::string::npos) << target.error().message;
}

TEST(Config, TellsEveryFaultWithItsPlaceAndNeverAToken) {
  const auto config = parse_config("curent: prod\ncontexts:\n  prod: {url: x, tokn: s3cret}\n", "config.yaml");
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().details.size(), 2u);
  EXPECT_EQ(config.error().details[0].path, "curent");
  EXPECT_EQ(config.error().details[0].line, 1);
  EXPECT_EQ(config.error().details[1].path, "contexts.prod.tokn");
  EXPECT_EQ(config.error().details[1].line, 3);
  EXPECT_EQ(to_string(config.error()).find("s3cret"), std::string::npos);
}

TEST(Config, LeavesToOthersWhatTheyRead) {
  const auto config = parse_config("runtimes: {namespace: x}\nimages: {trusted_keys: []}\n", "config.yaml");
  EXPECT_TRUE(config) << to_string(config.error());
}

TEST(Config, WithATokenIsForItsOwnerAlone) {
  namespace fs = std::filesystem;
  std::string home = testing::TempDir() + "unik-config-XXXXXX";
  ASSERT_NE(mkdtemp(home.data()), nullptr);
  const Environment user = environment({{"XDG_CONFIG_HOME", home}});
  fs::create_directories(config_path(user).parent_path());
  const auto reason = [&](const std::string& text, fs::perms mode) {
    std::ofstream(config_path(user)) << text;
    fs::permissions(config_path(user), mode);
    const auto config = read_config(user);
    return config ? "" : config.error().reason;
  };
  const std::string plain = "contexts:\n  lab: {url: http://127.0.0.1:7080}\n";
  const std::string secret = "contexts:\n  lab: {url: http://127.0.0.1:7080, token: s3cret}\n";
  EXPECT_EQ(reason(plain, fs::perms(0644)), "");
  EXPECT_EQ(reason(secret, fs::perms(0600)), "");
  EXPECT_EQ(reason(secret, fs::perms(0644)), "token_exposed");
  EXPECT_EQ(reason(secret, fs::perms(0620)), "token_exposed");
  fs::remove_all(home);
}

TEST(Config, MayBeEmpty) {
  EXPECT_EQ(parse_config("", "config.yaml").value(), Config{});
  EXPECT_EQ(parse_config("# nothing\n", "config.yaml").value(), Config{});
}

}  // namespace
}  // namespace unik::cli
