// validate -f PATH: checks files without a control plane; all faults at once.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/manifests.hpp"

namespace unik::cli {
namespace {

struct Options {
  std::vector<std::string> files;
};

Result<int> run(const Session& session, const Options& options) {
  const auto manifests = read_manifests(session, options.files, std::string(kDefaultTenant));
  if (!manifests) return manifests.error();
  for (const codec::ParsedManifest& manifest : *manifests)
    session.out(to_string(manifest.where) + ": " + std::string(unik::names_of(kind_of(manifest.resource)).singular) +
                "/" + metadata_of(manifest.resource).name + " is valid\n");
  return 0;
}

}  // namespace

void add_validate(CommandTree& tree) {
  const auto options = std::make_shared<Options>();
  VerbFlags verb = tree.add(kDesiredState, "validate", "Check files; needs no control plane",
                            [options](const Session& session) { return run(session, *options); });
  verb.files(options->files);
}

}  // namespace unik::cli
