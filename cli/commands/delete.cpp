// delete KIND NAME: an app's VMs are stopped; nodes and tenants go when nothing is in them.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/operations.hpp"

namespace unik::cli {
namespace {

struct DeleteOptions {
  std::vector<std::string> words;
  OutputFormat format = OutputFormat::kTable;
  bool wait = false;
  Duration timeout = std::chrono::minutes(5);
};

Result<int> run_delete(const Session& session, const DeleteOptions& options) {
  const auto objects = parse_named_objects(options.words);
  if (!objects) return objects.error();
  for (const ObjectRef& object : *objects)
    if (!declared_kind(object.kind))
      return invalid("not_deletable", "want an app, node or tenant, got `" + to_string(object) +
                                          "`; instances go with their app, operations end by themselves");
  const auto api = session.connect();
  if (!api) return api.error();
  std::vector<Operation> operations;
  for (const ObjectRef& object : *objects) {
    const auto reply = api->remove(*declared_kind(object.kind), object.name);
    if (!reply) return reply.error();
    show_reply(session, *reply, options.format);
    const std::vector<Operation> left = after_ended_builds(session, reply->operations);
    operations.insert(operations.end(), left.begin(), left.end());
  }
  return options.wait ? await_operations(session, *api, operations, Backoff(options.timeout)) : Result<int>(0);
}

}  // namespace

void add_delete(CommandTree& tree) {
  const auto options = std::make_shared<DeleteOptions>();
  VerbFlags verb = tree.add(kDesiredState, "delete", "Delete an app, node or tenant: delete KIND NAME or KIND/NAME",
                            [options](const Session& session) { return run_delete(session, *options); });
  verb.words("object", options->words, "KIND NAME...", "app, node or tenant, and names", Need::kRequired);
  verb.flag("--wait", options->wait, "Return when it is gone");
  verb.duration("--timeout", options->timeout, "How long --wait waits (5m)");
  verb.output(options->format);
}

}  // namespace unik::cli
