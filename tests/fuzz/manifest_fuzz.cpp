// Manifests are foreign input: whatever comes, the parser answers with values or faults, and what it accepts goes
// through both of its own printers unchanged.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "codec/json.hpp"
#include "codec/manifest.hpp"
#include "codec/unik_lock.hpp"
#include "codec/unik_yaml.hpp"
#include "codec/yaml_out.hpp"

namespace {

void need(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace unik;
  using namespace unik::codec;
  const ManifestText text{"fuzz.yaml", std::string(reinterpret_cast<const char*>(data), size)};
  const auto parsed = parse_manifests(std::span(&text, 1));
  if (parsed.ok()) {
    for (const ParsedManifest& manifest : *parsed) {
      const ManifestText json{"json", to_json(manifest.resource)};
      const auto from_json_text = parse_manifests(std::span(&json, 1));
      need(from_json_text.ok() && from_json_text->front().resource == manifest.resource);

      Resource in_file = manifest.resource;
      metadata_of(in_file).uid = 0;
      metadata_of(in_file).generation = 0;
      const ManifestText yaml{"yaml", to_yaml(in_file)};
      const auto from_yaml_text = parse_manifests(std::span(&yaml, 1));
      need(from_yaml_text.ok() && from_yaml_text->front().resource == in_file);
    }
  } else {
    need(!parsed.error().reason.empty() && parsed.error().code == ErrorCode::kInvalid);
    for (const Fault& fault : parsed.error().details)
      need(fault.line > 0 && fault.column > 0 && !fault.message.empty());
  }
  const auto recipe = parse_unik_yaml(text);
  if (recipe.ok()) {
    const ManifestText yaml{"unik.yaml", to_yaml(*recipe)};
    const auto again = parse_unik_yaml(yaml);
    need(again.ok() && *again == *recipe);
  }
  if (const auto lock = parse_unik_lock(text); lock.ok()) {
    const auto again = parse_unik_lock({"unik.lock", print_unik_lock(*lock)});
    need(again.ok() && *again == *lock);
  }
  return 0;
}
