// build [DIR]: builds and packs a source directory; prints the image's reference.
#include <memory>
#include <optional>

#include "cli/commands/commands.hpp"
#include "cli/output/document.hpp"
#include "cli/packing.hpp"
#include "codec/json_writer.hpp"
#include "runtimes/lib/pack/descendants.hpp"
#include "runtimes/lib/pack/source_build.hpp"

namespace unik::cli {
namespace {

struct BuildOptions {
  std::string directory = ".";
  std::string name;
  std::string runtime;
  std::vector<std::string> includes;
  OutputFormat format = OutputFormat::kTable;
  bool debug = false;
  bool rebuild = false;
  bool explain = false;
  bool lock = false;
};

std::string json_of_build(const Packed& packed) {
  codec::JsonWriter out;
  out.begin_object().field("image", to_string(packed.image.reference));
  out.field("digest", to_string(packed.image.reference.digest)).field("cached", packed.reused);
  out.field("took_us", packed.image.took.count()).key("layers").begin_array();
  for (const runtimes::PackedLayer& layer : packed.image.layers) {
    out.begin_object().field("name", layer.name).field("digest", to_string(layer.descriptor.digest));
    out.field("size_bytes", layer.descriptor.size).field("cached", layer.reused).end_object();
  }
  return out.end_array().end_object().take();
}

Result<int> run_build(const Session& session, const BuildOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  PackRequest request;
  request.path = options.directory;
  request.includes = options.includes;
  request.runtime = options.runtime;
  request.debug = options.debug;
  request.rebuild = options.rebuild;
  request.lock = options.lock;
  const std::filesystem::path directory = session.environment().working_dir / request.path;
  auto name = options.name.empty() ? name_from(directory.lexically_normal()) : Result<std::string>(options.name);
  if (!name) return name.error();
  request.name = *name;
  if (options.explain) {
    const auto text = explain_pack(session, request, options.format);
    if (!text) return text.error();
    session.out(*text);
    return 0;
  }
  // A daemon that somebody's build has left would run on among those of the controller's host.
  std::optional<runtimes::Descendants> descendants;
  if (session.environment().variables.contains(runtimes::kBuildOperation)) descendants.emplace();
  const auto packed = pack(session, *store, request);
  if (!packed) return packed.error();
  switch (options.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
    case OutputFormat::kName:
      session.out(to_string(packed->image.reference) + "\n");
      break;
    case OutputFormat::kJson:
      session.out(pretty_json(json_of_build(*packed)));
      break;
    case OutputFormat::kYaml:
      session.out(yaml_of(json_of_build(*packed)));
      break;
  }
  return 0;
}

}  // namespace

void add_build(CommandTree& tree) {
  const auto options = std::make_shared<BuildOptions>();
  VerbFlags verb = tree.add(kShortcuts, "build", "Build a directory into an image",
                            [options](const Session& session) { return run_build(session, *options); });
  verb.word("dir", options->directory, "DIR", "A project, or a directory with unik.yaml (.)", Need::kOptional);
  verb.text("--name", options->name, "NAME", "The image's name (the directory's)");
  verb.text("--runtime", options->runtime, "NAME[@VERSION]",
            "What a project or script runs on (what its pack chooses)");
  verb.list("--include", options->includes, "PATH[:DEST]", "A file or directory to lay into the image; again for more");
  verb.flag("--debug", options->debug,
            "Keep symbols, take what no lock pins; a command of unik.yaml sees UNIKCTL_DEBUG=1");
  verb.flag("--rebuild", options->rebuild, "Run the build's commands even if nothing changed");
  verb.flag("--lock", options->lock, "Write unik.lock: later builds are on the very runtime of this one");
  verb.flag("--explain", options->explain, "Show which packs match, the rule that chose, tools, lock and commands");
  verb.output(options->format);
}

}  // namespace unik::cli
