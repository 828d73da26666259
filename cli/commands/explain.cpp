// explain KIND[.FIELD]: what a manifest may say, from the schema. explain KIND NAME: why an object is as it is.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/objects.hpp"
#include "cli/output/document.hpp"
#include "cli/output/views.hpp"
#include "codec/schema.hpp"

namespace unik::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> explain_schema(const Session& session, const std::string& path) {
  const auto text = codec::explain(path);
  if (!text) return text.error();
  session.out(*text);
  return 0;
}

Result<int> run(const Session& session, const Options& options) {
  if (options.words.size() == 1 && options.words.front().find('/') == std::string::npos)
    return explain_schema(session, options.words.front());
  const auto objects = parse_named_objects(options.words);
  if (!objects) return objects.error();
  const auto api = session.connect();
  if (!api) return api.error();
  for (const ObjectRef& object : *objects) {
    const auto explanation = api->explain(names_of(object.kind).singular, object.name);
    if (!explanation) return explanation.error();
    switch (options.format) {
      case OutputFormat::kTable:
      case OutputFormat::kWide:
        session.out(render_explanation(*explanation, session.terminal().colour_out));
        break;
      case OutputFormat::kJson:
        session.out(pretty_json(codec::to_json(*explanation)));
        break;
      case OutputFormat::kYaml:
        session.out(yaml_of(codec::to_json(*explanation)));
        break;
      case OutputFormat::kName:
        session.out(to_string(object) + "\n");
        break;
    }
  }
  return 0;
}

}  // namespace

void add_explain(CommandTree& tree) {
  const auto options = std::make_shared<Options>();
  VerbFlags verb =
      tree.add(kDesiredState, "explain", "Explain a field (app.spec.health), or why an object is so (app web)",
               [options](const Session& session) { return run(session, *options); });
  verb.words("object", options->words, "KIND[.FIELD] | KIND NAME", "A kind with fields, or an object", Need::kRequired);
  verb.output(options->format);
}

}  // namespace unik::cli
