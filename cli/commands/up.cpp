// up: starts the local control plane, in place of one of another build. What runs already is left alone.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/local.hpp"

namespace unik::cli {
namespace {

Result<int> run_up(const Session& session) {
  const auto api = session.find_api();
  if (!api) return api.error();
  if (!api->target().local)
    return invalid("not_local", "want the local control plane, but " + api->target().origin + " names " + api->where() +
                                    "; leave it out, or say --context local, to start the local one");
  const auto say = [&](const std::string& text) { session.say(text); };
  if (const auto stopped = stop_outdated(session.environment(), *api, say); !stopped) return stopped.error();
  const auto up = ensure_up(session.environment(), *api, say);
  if (!up) return up.error();
  const bool started = up->started_controller || up->started_agent;
  session.out(std::string(started ? "up" : "already up") + ": " + api->where() + ", node " + std::string(kLocalNode) +
              " is ready\n");
  return 0;
}

}  // namespace

void add_up(CommandTree& tree) {
  tree.add(kAround, "up", "Start the local control plane and wait until it is ready",
           [](const Session& session) { return run_up(session); });
}

}  // namespace unik::cli
