// apply -f PATH: makes the control plane's objects those of the files, as one transaction.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/manifests.hpp"

namespace unik::cli {
namespace {

struct ApplyOptions {
  std::vector<std::string> files;
  OutputFormat format = OutputFormat::kTable;
  bool dry_run = false;
};

Result<int> run_apply(const Session& session, const ApplyOptions& options) {
  const auto found = session.find_api();
  if (!found) return found.error();
  auto manifests = read_manifests(session, options.files, found->target());
  if (!manifests) return manifests.error();
  const auto api = session.connect();
  if (!api) return api.error();
  const Images images = options.dry_run ? Images::kPromised : Images::kSent;
  if (auto built = prepare_images(session, *api, *manifests, images); !built) return built.error();
  const auto reply = ask_with_images(session, *api, *manifests, images, [&](const std::string& body, bool promised) {
    return options.dry_run ? api->foresee(body, promised) : api->apply(body);
  });
  if (!reply) return reply.error();
  show_reply(session, *reply, options.format);
  return 0;
}

}  // namespace

void add_apply(CommandTree& tree) {
  const auto options = std::make_shared<ApplyOptions>();
  VerbFlags verb = tree.add(kDesiredState, "apply", "Make objects as files say, all or none",
                            [options](const Session& session) { return run_apply(session, *options); });
  verb.files(options->files);
  verb.flag("--dry-run", options->dry_run, "Say what would happen, write nothing");
  verb.output(options->format);
}

}  // namespace unik::cli
