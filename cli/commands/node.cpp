// node list|cordon|uncordon|drain.
#include <algorithm>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/operations.hpp"

namespace unik::cli {
namespace {

// As in node.schema.json.
constexpr Duration kMostDrainDeadline = std::chrono::hours(24);

struct NodeOptions {
  std::vector<std::string> names;
  DrainWords drain;
  bool wait = false;
  Duration timeout = std::chrono::minutes(30);
  OutputFormat format = OutputFormat::kTable;
};

Result<int> list_nodes(const Session& session, const NodeOptions& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  const auto views = fetch_views(*api, {ObjectKind::kNode, ""});
  if (!views) return views.error();
  show(session, {*views}, options.format, false, "");
  return 0;
}

// The names that were given, each once. One that no node has is found before anything is done to the others.
Result<std::vector<std::string>> named_nodes(const Api& api, const NodeOptions& options) {
  std::vector<std::string> names;
  for (const std::string& word : options.names) {
    const std::string name = word.starts_with("node/") ? word.substr(5) : word;
    if (std::ranges::find(names, name) != names.end()) continue;
    names.push_back(name);
  }
  if (names.size() == 1) return names;  // the request itself finds out
  for (const std::string& name : names)
    if (const auto there = api.node(name); !there) return there.error();
  return names;
}

Result<int> set_schedulable(const Session& session, const NodeOptions& options, bool schedulable) {
  const auto api = session.connect();
  if (!api) return api.error();
  const auto names = named_nodes(*api, options);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto reply = api->set_schedulable(name, schedulable);
    if (!reply) return reply.error();
    show_reply(session, *reply, options.format);
  }
  return 0;
}

// Until the node's condition `Drained` is true.
Result<int> wait_for_drain(const Session& session, const Api& api, const std::string& name, Backoff& backoff) {
  std::string said;
  for (;;) {
    const auto view = api.until(backoff.deadline()).node(name);
    if (!view && may_come_back(view.error()) && backoff.pause()) continue;
    if (!view) return view.error();
    std::string seen;
    for (const Condition& condition : view->conditions) {
      if (condition.type != "Drained") continue;
      if (condition.status == "True") return 0;
      seen = condition.reason + ": " + condition.message;
    }
    if (seen.empty()) return conflict("not_draining", "node " + name + " is not being drained any more");
    if (seen != said) session.say("node/" + name + ": " + seen);
    said = seen;
    if (!backoff.pause()) return timed_out("wait_timed_out", "node " + name + " is not drained: " + seen);
  }
}

Result<int> drain(const Session& session, const NodeOptions& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  Backoff backoff(options.timeout);
  const auto names = named_nodes(*api, options);
  if (!names) return names.error();
  // What leaves the first must not come to one that is emptied next.
  if (names->size() > 1)
    for (const std::string& name : *names)
      if (const auto cordoned = api->set_schedulable(name, false); !cordoned) return cordoned.error();
  for (const std::string& name : *names) {
    const auto reply = api->drain(name, options.drain);
    if (!reply) return reply.error();
    show_reply(session, *reply, options.format);
  }
  if (!options.wait) return 0;
  for (const std::string& name : *names) {
    const auto waited = wait_for_drain(session, *api, name, backoff);
    if (!waited) return waited.error();
    session.say("node/" + name + " is drained");
  }
  return 0;
}

}  // namespace

void add_node(CommandTree& tree) {
  const VerbFlags group =
      tree.add_group(kNodes, "node", "List nodes, keep instances off them: node list|cordon|uncordon|drain");
  const auto options = std::make_shared<NodeOptions>();
  VerbFlags list_verb = tree.add_below(group, "list", "Show nodes and what they carry",
                                       [options](const Session& session) { return list_nodes(session, *options); });
  list_verb.output(options->format);
  for (const bool schedulable : {false, true}) {
    VerbFlags verb = tree.add_below(
        group, schedulable ? "uncordon" : "cordon",
        schedulable ? "Place instances there again" : "Place nothing new there; what runs there runs on",
        [options, schedulable](const Session& session) { return set_schedulable(session, *options, schedulable); });
    verb.words("name", options->names, "NODE...", "The nodes' names", Need::kRequired);
    verb.output(options->format);
  }
  VerbFlags verb =
      tree.add_below(group, "drain", "Move everything elsewhere, each instance replaced before it is stopped",
                     [options](const Session& session) { return drain(session, *options); });
  verb.words("name", options->names, "NODE...", "The nodes' names", Need::kRequired);
  verb.duration("--deadline", options->drain.deadline, "After so long, stop what is left (10m)", kMostDrainDeadline);
  verb.flag("--force", options->drain.force, "Stop everything at once, replaced or not");
  verb.text("--reason", options->drain.reason, "TEXT", "Why, for people");
  verb.flag("--wait", options->wait, "Return when every instance has been seen gone");
  verb.duration("--timeout", options->timeout, "How long to wait (30m)");
  verb.output(options->format);
}

}  // namespace unik::cli
