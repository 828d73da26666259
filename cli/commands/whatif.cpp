// whatif --lose NODE --add PATH: where instances would go, from the code that would place them; nothing is written.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/manifests.hpp"
#include "cli/output/rollout.hpp"

namespace unik::cli {
namespace {

struct WhatifOptions {
  std::vector<std::string> lose;
  std::vector<std::string> add;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> run_whatif(const Session& session, const WhatifOptions& options) {
  if (options.lose.empty() && options.add.empty()) return invalid("usage", "want --lose NODE or --add PATH, or both");
  const auto found = session.find_api();
  if (!found) return found.error();
  Manifests manifests;
  if (!options.add.empty()) {
    auto read = read_manifests(session, options.add, found->target());
    if (!read) return read.error();
    manifests = *std::move(read);
    const auto api = session.connect();
    if (!api) return api.error();
    if (auto built = prepare_images(session, *api, manifests, Images::kPromised); !built) return built.error();
  }
  const auto api = session.connect();
  if (!api) return api.error();
  const auto reply = ask_with_images(
      session, *api, manifests, Images::kPromised,
      [&](const std::string& body, bool promised) { return api->whatif(options.lose, body, promised); });
  if (!reply) return reply.error();
  if (options.format != OutputFormat::kTable && options.format != OutputFormat::kWide) {
    show_reply(session, *reply, options.format);
    return 0;
  }
  if (reply->placements.empty()) session.say("nothing would be placed anew");
  session.out(render_foreseen(*reply, session.terminal().colour_out));
  return 0;
}

}  // namespace

void add_whatif(CommandTree& tree) {
  const auto options = std::make_shared<WhatifOptions>();
  VerbFlags verb = tree.add(kNodes, "whatif", "Say where instances would go if nodes were lost or apps added",
                            [options](const Session& session) { return run_whatif(session, *options); });
  verb.list("--lose", options->lose, "NODE", "A node that would be gone; any number of times");
  verb.list("--add", options->add, "PATH", "Manifests that would be applied");
  verb.output(options->format);
}

}  // namespace unik::cli
