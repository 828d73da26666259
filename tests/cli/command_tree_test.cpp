#include "cli/command_tree.hpp"

#include <gtest/gtest.h>

#include "cli/commands/commands.hpp"
#include "cli/objects.hpp"
#include "cli/output/completion.hpp"
#include "runtimes/lib/pack/run_program.hpp"

namespace unik::cli {
namespace {

Result<Parsed> parse(std::vector<std::string> args) {
  CommandTree tree;
  add_all(tree);
  auto parsed = tree.parse(std::move(args));
  if (parsed && parsed->verb != nullptr) parsed->text = "a verb";  // the verb itself dies with the tree
  return parsed;
}

std::string message_of(std::vector<std::string> args) {
  const auto parsed = parse(std::move(args));
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  return parsed.error().message;
}

TEST(CommandLine, TakesTheContractsFlags) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"build", "app", "--debug", "-o", "json"},
           {"deploy",    ".",          "--name",    "web",  "--replicas",      "3",      "--cpu",     "500m",
            "--memory",  "64Mi",       "-e",        "A=1",  "--env",           "B=2",    "-p",        "8080",
            "--publish", "18080:8080", "--include", "x:/y", "--node-selector", "zone=a", "--restart", "never",
            "--debug",   "--wait",     "--timeout", "90s",  "--dry-run"},
           {"deploy", "--rootfs", "root.tar", "--", "/bin/app", "--port", "80"},
           {"deploy", "kernel.elf", "--initrd", "initrd.cpio"},
           {"logs", "web", "-f", "--tail", "10", "--since", "5m", "--previous", "--timestamps"},
           {"status", "--watch"},
           {"destroy", "web", "api", "--wait"},
           {"apply", "-f", "a.yaml", "-f", "b.yaml"},
           {"diff", "-f", "-"},
           {"get", "app", "web", "-o", "yaml"},
           {"get", "apps/web", "nodes/n1"},
           {"get", "node", "n1"},  // words that are verbs too
           {"logs", "status"},
           {"node", "cordon", "list"},
           {"delete", "app/web"},
           {"validate", "-f", "a.yaml"},
           {"explain", "app.spec.health"},
           {"wait", "app/web", "--for", "condition=Ready", "--timeout", "1m"},
           {"events", "-f", "--since", "42"},
           {"node", "list", "-o", "wide"},
           {"node", "cordon", "n1"},
           {"node", "uncordon", "n1"},
           {"image", "list", "-o", "json"},
           {"image", "inspect", "web", "-o", "yaml"},
           {"image", "digest", "web"},
           {"image", "copy", "web", "web:old"},
           {"image", "push", "web", "localhost:5000/web:1", "--plain-http"},
           {"image", "pull", "localhost:5000/web:1", "--platform", "linux/arm64"},
           {"image", "rm", "web", "api"},
           {"image", "prune", "-o", "json"},
           {"up"},
           {"down", "--all"},
           {"doctor", "-o", "json"},
           {"version"},
           {"completion", "bash"},
           {"--tenant", "team-a", "get", "app"},
           {"get", "app", "--tenant", "team-a", "--url", "http://127.0.0.1:1", "--token", "t", "--context", "c"}}) {
    const auto parsed = parse(args);
    EXPECT_TRUE(parsed && parsed->text == "a verb")
        << testing::PrintToString(args) << ": " << (parsed ? parsed->text : to_string(parsed.error()));
  }
}

TEST(CommandLine, KeepsWordsAfterTheDashesForTheGuest) {
  const auto parsed = parse({"deploy", "app", "--wait", "--", "--wait", "-x", "--", "y"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->guest_args, (std::vector<std::string>{"--wait", "-x", "--", "y"}));
  EXPECT_NE(message_of({"get", "app", "--", "x"}).find("only `deploy`"), std::string::npos);
}

TEST(CommandLine, GlobalFlagsStandBeforeOrAfterTheVerb) {
  EXPECT_EQ(parse({"--tenant", "a", "status"})->flags.tenant, "a");
  EXPECT_EQ(parse({"status", "--tenant", "b"})->flags.tenant, "b");
  EXPECT_EQ(parse({"node", "list", "--url=unix:///x"})->flags.url, "unix:///x");
}

TEST(CommandLine, SuggestsVerbsAndFlags) {
  EXPECT_NE(message_of({"aply", "-f", "x"}).find("unknown verb `aply`; did you mean `apply`?"), std::string::npos)
      << message_of({"aply", "-f", "x"});
  EXPECT_NE(message_of({"node", "cordn", "n1"}).find("did you mean `cordon`?"), std::string::npos)
      << message_of({"node", "cordn", "n1"});
  EXPECT_NE(message_of({"deploy", ".", "--replica", "3"}).find("unknown flag `--replica`; did you mean `--replicas`?"),
            std::string::npos)
      << message_of({"deploy", ".", "--replica", "3"});
  EXPECT_NE(message_of({"get", "app", "--tennant=x"}).find("did you mean `--tenant`?"), std::string::npos);
  EXPECT_NE(message_of({"get", "app", "-o", "jsn"}).find("did you mean `json`?"), std::string::npos);
}

TEST(CommandLine, RefusesWhatIsMissingOrWrong) {
  EXPECT_NE(message_of({"apply"}).find("--file"), std::string::npos);
  EXPECT_NE(message_of({"node"}).find("want a verb"), std::string::npos);
  EXPECT_NE(message_of({"wait", "app/web", "--timeout", "5"}).find("want a duration"), std::string::npos);
  EXPECT_NE(message_of({"deploy", ".", "--replicas", "-1"}), "");
  EXPECT_NE(message_of({"logs"}), "");
}

TEST(CommandLine, AnEmptyValueDoesNotTakeTheNextWord) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"node", "drain", "n1", "--reason=", "--wait"}, {"--tenant=", "status"}, {"status", "--wait="}})
    EXPECT_NE(message_of(words).find("=: want a value, got an empty one"), std::string::npos) << message_of(words);
  EXPECT_TRUE(parse({"deploy", ".", "--env=A="}));
  EXPECT_TRUE(parse({"deploy", ".", "--", "--name="}));
}

TEST(Help, GroupsTheVerbsWithTheFiveShortcutsFirst) {
  const auto help = parse({"--help"});
  ASSERT_TRUE(help);
  std::size_t last = 0;
  for (const char* part : {"The five shortcuts:", "  build", "  deploy", "  logs", "  status", "  destroy",
                           "Desired state:", "  apply", "  diff", "  get", "Nodes:", "  node",
                           "Images, runtimes:", "  image", "Around it:", "  up", "  doctor", "  version"}) {
    const std::size_t here = help->text.find(part, last);
    ASSERT_NE(here, std::string::npos) << part << "\n" << help->text;
    last = here;
  }
  EXPECT_EQ(help->text.find("__names"), std::string::npos);
  EXPECT_EQ(parse({})->text, help->text);
  EXPECT_NE(parse({"deploy", "--help"})->text.find("--publish"), std::string::npos);
  EXPECT_EQ(parse({"--version"})->text.substr(0, 8), "unikctl ");
}

TEST(Help, ShowsTheWholeLineAsItIsTyped) {
  const auto usage_of = [](const std::vector<std::string>& words) {
    CommandTree tree;
    add_all(tree);
    const std::string text = tree.help(words).value();
    const std::size_t at = text.find("Usage: ");
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_EQ(usage_of({}), "Usage: unikctl [FLAGS] [VERB]");
  EXPECT_EQ(usage_of({"deploy"}), "Usage: unikctl deploy [FLAGS] [DIR|SCRIPT|PROGRAM|KERNEL|IMAGE] [-- ARGS]");
  EXPECT_EQ(usage_of({"wait"}), "Usage: unikctl wait [FLAGS] KIND/NAME...");
  EXPECT_EQ(usage_of({"node"}), "Usage: unikctl node [FLAGS] VERB");
  EXPECT_EQ(usage_of({"node", "cordon"}), "Usage: unikctl node cordon [FLAGS] NODE...");
  const std::string wait = parse({"wait", "--help"})->text;
  EXPECT_NE(wait.find("object KIND/NAME... (required)"), std::string::npos) << wait;
}

TEST(Help, IsAVerbToo) {
  CommandTree tree;
  add_all(tree);
  EXPECT_EQ(tree.help({}).value(), parse({"--help"})->text);
  const std::vector<std::string> cordon{"node", "cordon"};
  EXPECT_EQ(tree.help(cordon).value(), parse({"node", "cordon", "--help"})->text);
  EXPECT_TRUE(parse({"help", "deploy"})->verb != nullptr);
  const std::vector<std::string> typo{"deplyo"};
  EXPECT_NE(tree.help(typo).error().message.find("did you mean `deploy`?"), std::string::npos);
}

TEST(CommandLine, SuggestsNoLetterForAnother) {
  for (const char* flag : {"-x", "-q"}) EXPECT_EQ(message_of({"status", flag}).find("did you mean"), std::string::npos);
  EXPECT_EQ(message_of({"up", "-o", "json"}).find("did you mean"), std::string::npos);
}

TEST(CommandLine, RefusesAnEmptyValue) {
  for (const char* flag : {"--url", "--tenant", "--token", "--context"})
    EXPECT_NE(message_of({"status", flag, ""}).find(std::string(flag) + ": want a value, got an empty one"),
              std::string::npos)
        << message_of({"status", flag, ""});
  EXPECT_NE(message_of({"deploy", ".", "--memory", ""}).find("want a value"), std::string::npos);
}

TEST(Completion, HoldsEveryVerbAndFlagForEachShell) {
  CommandTree tree;
  add_all(tree);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell, tree.root());
    ASSERT_TRUE(script);
    for (const std::string& verb : tree.verb_names())
      EXPECT_NE(script->find(verb), std::string::npos) << shell << " lacks " << verb;
    for (const char* word : {"uncordon", "node-selector", "tenant", "operation", "__names"})
      EXPECT_NE(script->find(word), std::string::npos) << shell << " lacks " << word;
  }
  EXPECT_FALSE(completion_script("tcsh", tree.root()));
}

// What bash offers for the last of `words`. What the script asks unikctl for is answered by the question.
std::string offered_by_bash(const std::vector<std::string>& words) {
  CommandTree tree;
  add_all(tree);
  std::string script = completion_script("bash", tree.root()).value() + "unikctl() { echo \"<$*>\" | tr ' ' _; }\n";
  script += "COMP_WORDS=(unikctl";
  for (const std::string& word : words) script += " '" + word + "'";
  script += ")\nCOMP_CWORD=" + std::to_string(words.size()) + "\n_unikctl\necho \"${COMPREPLY[@]}\"\n";
  runtimes::ProgramRun run;
  run.args = {"/bin/bash", "-c", script};
  run.environment = {{"PATH", "/usr/bin:/bin"}};
  std::string text;
  run.output = [&](std::string_view said) { text += said; };
  EXPECT_EQ(runtimes::run_program(run).value(), 0) << text;
  return text;
}

TEST(Completion, OffersInBashWhatFits) {
  EXPECT_EQ(offered_by_bash({"stat"}), "status\n");
  EXPECT_EQ(offered_by_bash({"node", "co"}), "cordon\n");
  EXPECT_EQ(offered_by_bash({"get", "app", "<"}), "<__names_app>\n");
  // A flag's value is no verb, and no kind.
  EXPECT_EQ(offered_by_bash({"--tenant", "<"}), "<__names_tenant>\n");
  EXPECT_EQ(offered_by_bash({"status", "--context", "<"}), "<__names_context>\n");
  EXPECT_EQ(offered_by_bash({"--url", ""}), "\n");
  EXPECT_EQ(offered_by_bash({"get", "--tenant", "x", "ap"}), "app\n");
  EXPECT_EQ(offered_by_bash({"explain", "nod"}), "node\n");
  EXPECT_EQ(offered_by_bash({"help", "depl"}), "deploy\n");
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"history", "<"}, {"rollback", "<"}, {"rollout", "status", "<"}})
    EXPECT_EQ(offered_by_bash(verb), "<__names_app>\n") << verb.front();
  EXPECT_EQ(offered_by_bash({"whatif", "--lose", "<"}), "<__names_node>\n");
  EXPECT_EQ(offered_by_bash({"runtime", "key", "gen"}), "generate\n");
  EXPECT_EQ(offered_by_bash({"runtime", "remove", "<"}), "<__names_runtime>\n");
  EXPECT_EQ(offered_by_bash({"runtime", "lock", "<"}), "<__names_runtime-source>\n");
}

TEST(Completion, TakesWhatFollowsAnEqualsSign) {
  // As bash cuts them.
  EXPECT_EQ(offered_by_bash({"deploy", "--restart", "="}), "always on-failure never\n");
  EXPECT_EQ(offered_by_bash({"get", "app", "--output", "=", "j"}), "json\n");
  EXPECT_EQ(offered_by_bash({"get", "--output", "=", "json", "ap"}), "app\n");
  EXPECT_EQ(offered_by_bash({"wait", "app/web", "--for", "con"}), "condition=\n");
  EXPECT_EQ(offered_by_bash({"wait", "app/web", "--for", "condition", "="}), "Ready Rollout Schedulable Drained\n");
  EXPECT_EQ(offered_by_bash({"wait", "app/web", "--for", "condition", "=", "Ro"}), "Rollout\n");
}

TEST(Completion, AsksForFieldsByWhatWasTyped) {
  CommandTree tree;
  add_all(tree);
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_NE(completion_script(shell, tree.root())->find("unikctl __fields"), std::string::npos) << shell;
}

TEST(Objects, TakeSeveralKinds) {
  const auto refs = [](std::vector<std::string> words) { return parse_objects(words); };
  EXPECT_EQ(refs({"app,no"}).value(), (std::vector<ObjectRef>{{ObjectKind::kApp, ""}, {ObjectKind::kNode, ""}}));
  EXPECT_EQ(refs({"all"})->size(), all_object_kinds().size());
  for (const char* bad : {"app,", ",", "app,pod"}) EXPECT_FALSE(refs({bad})) << bad;
  const std::vector<std::string> all{"all"};
  EXPECT_FALSE(parse_named_objects(all));
}

TEST(Objects, TakeBothFormsAndEveryNameOfAKind) {
  const auto refs = [](std::vector<std::string> words) { return parse_objects(words); };
  EXPECT_EQ(refs({"app", "web"}).value(), (std::vector<ObjectRef>{{ObjectKind::kApp, "web"}}));
  EXPECT_EQ(refs({"apps/web"}).value(), (std::vector<ObjectRef>{{ObjectKind::kApp, "web"}}));
  EXPECT_EQ(refs({"a", "x", "y"}).value(), (std::vector<ObjectRef>{{ObjectKind::kApp, "x"}, {ObjectKind::kApp, "y"}}));
  EXPECT_EQ(refs({"No/n1", "TN/t"}).value(),
            (std::vector<ObjectRef>{{ObjectKind::kNode, "n1"}, {ObjectKind::kTenant, "t"}}));
  EXPECT_EQ(refs({"op"}).value(), (std::vector<ObjectRef>{{ObjectKind::kOperation, ""}}));
  EXPECT_NE(refs({"ap", "x"}).error().message.find("did you mean `app`?"), std::string::npos);
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{}, {"app/"}, {"app/web", "node"}, {"app/a/b"}, {"app", "node/x"}})
    EXPECT_FALSE(parse_objects(bad)) << testing::PrintToString(bad);
  const std::vector<std::string> kind_alone{"app"};
  EXPECT_FALSE(parse_named_objects(kind_alone));
}

}  // namespace
}  // namespace unik::cli
