// validate -f PATH: checks files without a control plane; all faults at once.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/manifest_files.hpp"
#include "cli/output/document.hpp"
#include "codec/json_writer.hpp"
#include "codec/unik_yaml.hpp"

namespace unik::cli {
namespace {

struct ValidateOptions {
  std::vector<std::string> files;
  OutputFormat format = OutputFormat::kTable;
};

// What a document turned out to be.
struct Valid {
  Fault where;
  std::string object;  // `app/web`, `unik.yaml`
};

Result<void> check_manifests(const std::vector<codec::ManifestText>& texts, std::vector<Valid>& out) {
  const auto manifests = codec::parse_manifests(texts, std::string(kDefaultTenant));
  if (!manifests) return manifests.error();
  for (const codec::ParsedManifest& manifest : *manifests)
    out.push_back({manifest.where, std::string(unik::names_of(kind_of(manifest.resource)).singular) + "/" +
                                       metadata_of(manifest.resource).name});
  return {};
}

// All faults of all files, as parse_manifests tells those of manifests.
Result<std::vector<Valid>> check(std::vector<codec::ManifestText> texts) {
  std::vector<Valid> valid;
  std::optional<Error> first;
  const auto take = [&first](const Result<void>& checked) {
    if (checked) return;
    if (!first)
      first = checked.error();
    else
      first->details.insert(first->details.end(), checked.error().details.begin(), checked.error().details.end());
  };
  std::vector<codec::ManifestText> manifests;
  for (codec::ManifestText& text : texts) {
    if (!is_unik_yaml(text.name)) {
      manifests.push_back(std::move(text));
      continue;
    }
    const auto recipe = codec::parse_unik_yaml(text);
    take(recipe ? Result<void>() : Result<void>(recipe.error()));
    valid.push_back({{text.name, 1, 1, "", ""}, "unik.yaml"});
  }
  if (!manifests.empty() || valid.empty()) take(check_manifests(manifests, valid));
  if (first) return *std::move(first);
  return valid;
}

std::string json_of_validate(const std::vector<Valid>& documents) {
  codec::JsonWriter out;
  out.begin_object().key("items").begin_array();
  for (const Valid& document : documents) {
    out.begin_object().field("file", document.where.file).field("line", document.where.line);
    out.field("column", document.where.column).field("object", document.object).end_object();
  }
  return out.end_array().end_object().take();
}

Result<int> run_validate(const Session& session, const ValidateOptions& options) {
  auto texts = read_manifest_files(session, options.files);
  if (!texts) return texts.error();
  const auto valid = check(std::move(texts).value());
  if (!valid) return valid.error();
  switch (options.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      for (const Valid& document : *valid)
        session.out(to_string(document.where) + ": " + document.object + " is valid\n");
      break;
    case OutputFormat::kJson:
      session.out(pretty_json(json_of_validate(*valid)));
      break;
    case OutputFormat::kYaml:
      session.out(yaml_of(json_of_validate(*valid)));
      break;
    case OutputFormat::kName:
      for (const Valid& document : *valid) session.out(document.object + "\n");
      break;
  }
  return 0;
}

}  // namespace

void add_validate(CommandTree& tree) {
  const auto options = std::make_shared<ValidateOptions>();
  VerbFlags verb = tree.add(kDesiredState, "validate", "Check files; needs no control plane",
                            [options](const Session& session) { return run_validate(session, *options); });
  verb.files(options->files);
  verb.output(options->format);
}

}  // namespace unik::cli
