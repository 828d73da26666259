// version: of unikctl, and of the control plane if one answers.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output/document.hpp"
#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"

namespace unik::cli {
namespace {

struct VersionOptions {
  OutputFormat format = OutputFormat::kTable;
};

// Starts nothing, and a control plane that does not answer is no error here.
Result<int> run_version(const Session& session, const VersionOptions& options) {
  const auto api = session.find_api();
  const auto server = api ? api->version() : Result<std::string>(api.error());
  codec::JsonWriter out;
  out.begin_object().key("client").begin_object().field("version", UNIK_VERSION).end_object();
  if (server) out.key("server").raw(*server);
  const std::string json = out.end_object().take();
  switch (options.format) {
    case OutputFormat::kJson:
      session.out(pretty_json(json));
      return 0;
    case OutputFormat::kYaml:
      session.out(yaml_of(json));
      return 0;
    case OutputFormat::kName:
      session.out(std::string(UNIK_VERSION) + "\n");
      return 0;
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      break;
  }
  session.out(std::string("unikctl ") + UNIK_VERSION + "\n");
  if (!server) {
    session.out("control plane: not running\n");
    return 0;
  }
  const auto answer = codec::JsonDocument::parse(*server);
  if (!answer) return answer.error();
  session.out("control plane " + answer->root()["version"].text_or("?") + " at " + api->where() + ", cluster " +
              answer->root()["cluster_id"].text_or("?") + "\n");
  return 0;
}

}  // namespace

void add_version(CommandTree& tree) {
  const auto options = std::make_shared<VersionOptions>();
  VerbFlags verb = tree.add(kAround, "version", "Print the version of unikctl and of the control plane",
                            [options](const Session& session) { return run_version(session, *options); });
  verb.output(options->format);
}

}  // namespace unik::cli
