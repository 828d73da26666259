// diff -f PATH: what apply would change, field by field, and what that does to what runs. Code 1 if anything.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/manifests.hpp"
#include "cli/output/diff.hpp"
#include "cli/output/rollout.hpp"

namespace unik::cli {
namespace {

struct DiffOptions {
  std::vector<std::string> files;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> run_diff(const Session& session, const DiffOptions& options) {
  const auto found = session.find_api();
  if (!found) return found.error();
  auto manifests = read_manifests(session, options.files, found->target());
  if (!manifests) return manifests.error();
  const auto api = session.connect();
  if (!api) return api.error();
  if (auto built = prepare_images(session, *api, *manifests, Images::kPromised); !built) return built.error();
  const auto reply =
      ask_with_images(session, *api, *manifests, Images::kPromised,
                      [&](const std::string& body, bool promised) { return api->foresee(body, promised); });
  if (!reply) return reply.error();
  if (options.format == OutputFormat::kTable || options.format == OutputFormat::kWide)
    session.out(render_diff(*reply, session.terminal().colour_out) +
                render_foreseen(*reply, session.terminal().colour_out));
  else
    show_reply(session, *reply, options.format);
  return has_changes(*reply) ? 1 : 0;
}

}  // namespace

void add_diff(CommandTree& tree) {
  const auto options = std::make_shared<DiffOptions>();
  VerbFlags verb = tree.add(kDesiredState, "diff", "Show what apply would change; code 1 if anything",
                            [options](const Session& session) { return run_diff(session, *options); });
  verb.files(options->files);
  verb.output(options->format);
}

}  // namespace unik::cli
