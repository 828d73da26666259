// recover, quarantine list|adopt|destroy: going on from a store that is older than what its nodes have accepted.
#include <istream>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/output/document.hpp"
#include "cli/output/views.hpp"

namespace unik::cli {
namespace {

struct RecoverOptions {
  bool yes = false;
  std::vector<std::string> names;
  std::string node;
  OutputFormat format = OutputFormat::kTable;
};

// Asks on a terminal; elsewhere nobody can answer, so that `--yes` must have.
Result<void> confirm(const Session& session, bool yes) {
  if (yes) return {};
  session.say(
      "Go on from the store as it is. What nodes run and it does not know is left alone until it is adopted or "
      "destroyed "
      "(`unikctl quarantine list`); what was declared after this store was copied is lost. If a newer copy exists, put "
      "it "
      "back instead.");
  session.say("Type `yes` to go on:");
  std::string answer;
  if (session.terminal().in != nullptr) std::getline(*session.terminal().in, answer);
  if (answer == "yes") return {};
  return invalid("not_confirmed", "want `yes` or --yes, got `" + answer + "`: nothing was changed");
}

Result<int> recover(const Session& session, const RecoverOptions& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  if (const auto sure = confirm(session, options.yes); !sure) return sure.error();
  const auto reply = api->recover();
  if (!reply) return reply.error();
  session.out("recovered at record " + std::to_string(reply->revision) + "\n");
  session.say("see what nodes run that this store does not know: unikctl quarantine list");
  return 0;
}

Result<int> list_quarantine(const Session& session, const RecoverOptions& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  const auto page = api->quarantine();
  if (!page) return page.error();
  switch (options.format) {
    case OutputFormat::kJson:
      session.out(pretty_json(codec::to_json(*page)));
      return 0;
    case OutputFormat::kYaml:
      session.out(yaml_of(codec::to_json(*page)));
      return 0;
    case OutputFormat::kName:
      for (const QuarantinedView& one : page->items) session.out(one.name + "\n");
      return 0;
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      break;
  }
  if (page->items.empty()) session.say("nothing is quarantined");
  if (!page->items.empty()) session.out(render(table_of(page->items), session.terminal().colour_out));
  return 0;
}

// Where it runs: an instance has one node, but for a VM that two histories have moved apart.
Result<std::string> node_of(const std::vector<QuarantinedView>& items, const std::string& tenant,
                            const std::string& name) {
  std::string found;
  for (const QuarantinedView& one : items) {
    if (one.name != name || one.id.tenant.str() != tenant) continue;
    if (!found.empty())
      return conflict("ambiguous", "`" + name + "` is quarantined on " + found + " and " + one.node + ": say --node");
    found = one.node;
  }
  if (!found.empty()) return found;
  return not_found("not_quarantined", "there is no quarantined instance `" + name + "` in tenant " + tenant +
                                          ": `unikctl quarantine list` shows them");
}

Result<int> decide(const Session& session, const RecoverOptions& options, const std::string& verb) {
  const auto api = session.connect();
  if (!api) return api.error();
  const auto page = api->quarantine();
  if (!page) return page.error();
  for (const std::string& word : options.names) {
    const std::string name = word.starts_with("instance/") ? word.substr(9) : word;
    const auto node = options.node.empty() ? node_of(page->items, api->target().tenant, name) : Result(options.node);
    if (!node) return node.error();
    const auto reply = api->decide_quarantined(*node, name, verb);
    if (!reply) return reply.error();
    session.out("instance/" + name + (verb == "adopt" ? " adopted\n" : " is being destroyed\n"));
  }
  return 0;
}

}  // namespace

void add_recover(CommandTree& tree) {
  const auto options = std::make_shared<RecoverOptions>();
  VerbFlags verb =
      tree.add(kSafety, "recover", "Go on from a restored store, after its nodes have shown that it is old",
               [options](const Session& session) { return recover(session, *options); });
  verb.flag("-y,--yes", options->yes, "Do not ask");
}

void add_quarantine(CommandTree& tree) {
  const VerbFlags group =
      tree.add_group(kSafety, "quarantine", "Instances of a lost history: quarantine list|adopt|destroy");
  const auto options = std::make_shared<RecoverOptions>();
  VerbFlags list_verb =
      tree.add_below(group, "list", "Show what nodes run that this history does not know",
                     [options](const Session& session) { return list_quarantine(session, *options); });
  list_verb.output(options->format);
  for (const std::string name : {"adopt", "destroy"}) {
    VerbFlags verb =
        tree.add_below(group, name, name == "adopt" ? "Make it an instance of its app, as it runs" : "Stop it",
                       [options, name](const Session& session) { return decide(session, *options, name); });
    verb.words("name", options->names, "QUARANTINED...", "Instances of `quarantine list`", Need::kRequired);
    verb.text("--node", options->node, "NODE", "Where it runs, if that is not clear");
  }
}

}  // namespace unik::cli
