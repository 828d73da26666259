// version: of unikctl, and of the control plane if one answers.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output/document.hpp"
#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

constexpr Duration kVersionPatience = std::chrono::seconds(5);

struct VersionOptions {
  OutputFormat format = OutputFormat::kTable;
};

Result<int> print_server(const Session& session, const Api& api, const std::string& server) {
  const auto answer = codec::JsonDocument::parse(server);
  if (!answer) return answer.error();
  session.out("control plane " + answer->root()["version"].text_or("?") + " at " + api.where() + ", cluster " +
              answer->root()["cluster_id"].text_or("?") + "\n");
  return 0;
}

// Starts nothing, and that the local control plane does not run is no error here.
Result<int> run_version(const Session& session, const VersionOptions& options) {
  const auto api = session.find_api();
  const auto server =
      api ? api->until(wire::read_clock().boot + kVersionPatience).version() : Result<std::string>(api.error());
  const bool none_runs = !server && api && api->target().local && server.error().reason == "connection_refused";
  codec::JsonWriter out;
  out.begin_object().key("client").begin_object().field("version", UNIK_VERSION).end_object();
  if (server) out.key("server").raw(*server);
  const std::string json = out.end_object().take();
  switch (options.format) {
    case OutputFormat::kJson:
      session.out(pretty_json(json));
      break;
    case OutputFormat::kYaml:
      session.out(yaml_of(json));
      break;
    case OutputFormat::kName:
      session.out(std::string(UNIK_VERSION) + "\n");
      break;
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      session.out(std::string("unikctl ") + UNIK_VERSION + "\n");
      if (none_runs) session.out("control plane: not running\n");
      if (server) return print_server(session, *api, *server);
  }
  return server || none_runs ? Result<int>(0) : server.error();
}

}  // namespace

void add_version(CommandTree& tree) {
  const auto options = std::make_shared<VersionOptions>();
  VerbFlags verb = tree.add(kAround, "version", "Print the version of unikctl and of the control plane",
                            [options](const Session& session) { return run_version(session, *options); });
  verb.output(options->format);
}

}  // namespace unik::cli
