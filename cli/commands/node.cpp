// node list|cordon|uncordon.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"

namespace unik::cli {
namespace {

struct Options {
  std::vector<std::string> names;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> list(const Session& session, const Options& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  const auto views = fetch_views(*api, {ObjectKind::kNode, ""});
  if (!views) return views.error();
  show(session, *views, ObjectKind::kNode, options.format, false, "");
  return 0;
}

Result<int> set_schedulable(const Session& session, const Options& options, bool schedulable) {
  const auto api = session.connect();
  if (!api) return api.error();
  for (const std::string& word : options.names) {
    const std::string name = word.starts_with("node/") ? word.substr(5) : word;
    const auto reply = api->set_schedulable(name, schedulable);
    if (!reply) return reply.error();
    show_reply(session, *reply, options.format);
  }
  return 0;
}

}  // namespace

void add_node(CommandTree& tree) {
  const VerbFlags group =
      tree.add_group(kNodes, "node", "List nodes, keep new instances off them: node list|cordon|uncordon");
  const auto options = std::make_shared<Options>();
  VerbFlags list_verb = tree.add_below(group, "list", "Show nodes and what they carry",
                                       [options](const Session& session) { return list(session, *options); });
  list_verb.output(options->format);
  for (const bool schedulable : {false, true}) {
    VerbFlags verb = tree.add_below(
        group, schedulable ? "uncordon" : "cordon",
        schedulable ? "Place instances there again" : "Place nothing new there; what runs there runs on",
        [options, schedulable](const Session& session) { return set_schedulable(session, *options, schedulable); });
    verb.words("name", options->names, "NODE...", "The nodes' names", Need::kRequired);
    verb.output(options->format);
  }
}

}  // namespace unik::cli
