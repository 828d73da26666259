#include "runtimes/lib/pack/build_metadata.hpp"

#include <nlohmann/json.hpp>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/json_text.hpp"
#include "runtimes/lib/pack/own_directory.hpp"

namespace unik::runtimes {
namespace {

using nlohmann::json;

constexpr Bytes kMaxMetadata = mebibytes(4);

json tools_json(const Tools& tools) {
  json object = json::object();
  for (const auto& [name, tool] : tools) object[name] = {{"program", tool.program.string()}, {"version", tool.version}};
  return object;
}

// Below the app lies a language's runtime, or the base.
json runtime_json(const BuildMetadata& metadata) {
  if (const auto& runtime = metadata.runtime)
    return {{"name", runtime->name},
            {"version", runtime->version},
            {"image", to_string(runtime->reference)},
            {"layer", to_string(runtime->layer.descriptor.digest)}};
  if (!metadata.image) return nullptr;
  return {{"name", "base"},
          {"version", nullptr},
          {"image", nullptr},
          {"layer", annotation(metadata.image->manifest.annotations, kBaseAnnotation)}};
}

}  // namespace

Result<void> write_metadata(const std::filesystem::path& source, const BuildMetadata& metadata) {
  json lock = nullptr, image = nullptr, command = nullptr, artifact = nullptr;
  if (metadata.lock) lock = {{"file", metadata.lock->file}, {"digest", to_string(metadata.lock->digest)}};
  if (metadata.image) {
    image = to_string(metadata.image->reference);
    command = metadata.image->config.entrypoint;
  }
  if (metadata.artifact) artifact = to_string(*metadata.artifact);
  const json object = {{"layout", kMetadataLayout},
                       {"pack", metadata.pack},
                       {"language", metadata.language},
                       {"detected_by", metadata.detected_by},
                       {"mode", to_string(metadata.mode)},
                       {"builder", tools_json(metadata.tools)},
                       {"commands", metadata.commands},
                       {"lock", std::move(lock)},
                       {"runtime", runtime_json(metadata)},
                       {"image", std::move(image)},
                       {"command", std::move(command)},
                       {"artifact", std::move(artifact)},
                       {"deterministic", metadata.deterministic},
                       {"inputs", metadata.inputs}};
  return replace_file(metadata_path(source), object.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

std::optional<LastBuild> read_last_build(const std::filesystem::path& source) {
  const auto text = read_file(metadata_path(source), kMaxMetadata);
  if (!text) return std::nullopt;
  const json object = json::parse(*text, nullptr, false);
  if (!object.is_object() || object.value("layout", json()) != kMetadataLayout) return std::nullopt;
  return LastBuild{text_member(object, "inputs"), text_member(object, "image"), text_member(object, "artifact")};
}

}  // namespace unik::runtimes
