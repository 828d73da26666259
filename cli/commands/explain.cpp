// explain KIND[.FIELD]: what a manifest may say, from the schema. explain KIND NAME: why an object is as it is.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/objects.hpp"
#include "cli/output/document.hpp"
#include "cli/output/explanations.hpp"
#include "cli/output/views.hpp"
#include "codec/schema.hpp"

namespace unik::cli {
namespace {

struct ExplainOptions {
  std::vector<std::string> words;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> explain_schema(const Session& session, const std::string& path, OutputFormat format) {
  const auto part = codec::find_schema(path);
  if (!part) return part.error();
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      session.out(codec::explain(path).value());
      break;
    case OutputFormat::kJson:
      session.out(pretty_json(codec::to_json(*part)));
      break;
    case OutputFormat::kYaml:
      session.out(yaml_of(codec::to_json(*part)));
      break;
    case OutputFormat::kName:
      session.out(part->field.path + "\n");
      break;
  }
  return 0;
}

template <typename View>
Result<Explanation> explain_view(const Result<View>& view) {
  if (!view) return view.error();
  return explain(*view);
}

Result<Explanation> explain_object(const Api& api, const ObjectRef& object) {
  switch (object.kind) {
    case ObjectKind::kApp:
    case ObjectKind::kInstance:
    case ObjectKind::kNode:
      return api.explain(names_of(object.kind).singular, object.name);
    case ObjectKind::kTenant:
      return explain_view(api.tenant(object.name));
    case ObjectKind::kOperation:
      return explain_view(api.operation(object.name));
  }
  return internal("unknown_kind", "an object kind outside the enumeration");
}

void print_explain(const Session& session, const Explanation& explanation, OutputFormat format) {
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      session.out(render_explanation(explanation, session.terminal().colour_out));
      break;
    case OutputFormat::kJson:
      session.out(pretty_json(codec::to_json(explanation)));
      break;
    case OutputFormat::kYaml:
      session.out(yaml_of(codec::to_json(explanation)));
      break;
    case OutputFormat::kName:
      session.out(explanation.object + "\n");
      break;
  }
}

Result<int> run_explain(const Session& session, const ExplainOptions& options) {
  if (options.words.size() == 1 && options.words.front().find('/') == std::string::npos)
    return explain_schema(session, options.words.front(), options.format);
  const auto objects = parse_named_objects(options.words);
  if (!objects) return objects.error();
  const auto api = session.connect();
  if (!api) return api.error();
  for (const ObjectRef& object : *objects) {
    const auto explanation = explain_object(*api, object);
    if (!explanation) return explanation.error();
    print_explain(session, *explanation, options.format);
  }
  return 0;
}

}  // namespace

void add_explain(CommandTree& tree) {
  const auto options = std::make_shared<ExplainOptions>();
  VerbFlags verb =
      tree.add(kDesiredState, "explain", "Explain a field (app.spec.health), or why an object is so (app web)",
               [options](const Session& session) { return run_explain(session, *options); });
  verb.words("object", options->words, "KIND[.FIELD] | KIND NAME", "A kind with fields, or an object", Need::kRequired);
  verb.output(options->format);
}

}  // namespace unik::cli
