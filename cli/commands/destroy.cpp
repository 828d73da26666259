// destroy APP [APP...]: deletes apps and stops their VMs; returns at once with an operation for each.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/operations.hpp"

namespace unik::cli {
namespace {

struct DestroyOptions {
  std::vector<std::string> names;
  OutputFormat format = OutputFormat::kTable;
  bool wait = false;
  Duration timeout = std::chrono::minutes(5);
};

// `app/web` is taken for `web`, since the other verbs print it so.
Result<std::vector<std::string>> app_names(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const std::string& word : words) {
    const std::size_t slash = word.find('/');
    if (slash == std::string::npos) {
      names.push_back(word);
      continue;
    }
    const auto kind = parse_object_kind(word.substr(0, slash));
    if (!kind) return kind.error();
    if (*kind != ObjectKind::kApp)
      return invalid("bad_object", "want apps, got `" + word + "`; other kinds go by `unikctl delete`");
    names.push_back(word.substr(slash + 1));
  }
  return names;
}

Result<int> run_destroy(const Session& session, const DestroyOptions& options) {
  const auto names = app_names(options.names);
  if (!names) return names.error();
  const Backoff backoff(options.timeout);
  const auto api = options.wait ? session.connect(backoff.deadline()) : session.connect();
  if (!api) return api.error();
  const auto reply = api->destroy(*names);
  if (!reply) return reply.error();
  show_reply(session, *reply, options.format);
  const std::vector<Operation> operations = after_ended_builds(session, reply->operations);
  if (options.wait) return await_operations(session, *api, operations, backoff);
  for (const Operation& operation : operations)
    session.say("operation " + operation.operation_id + "; follow it: unikctl wait operation/" +
                operation.operation_id);
  return 0;
}

}  // namespace

void add_destroy(CommandTree& tree) {
  const auto options = std::make_shared<DestroyOptions>();
  VerbFlags verb =
      tree.add(kShortcuts, "destroy", "Delete apps, end their builds and stop their VMs; all that are named, or none",
               [options](const Session& session) { return run_destroy(session, *options); });
  verb.words("app", options->names, "APP...", "The apps' names", Need::kRequired);
  verb.flag("--wait", options->wait, "Return when the VMs are gone");
  verb.duration("--timeout", options->timeout, "How long --wait waits (5m)");
  verb.output(options->format);
}

}  // namespace unik::cli
