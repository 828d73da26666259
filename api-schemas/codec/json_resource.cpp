// Resources in the JSON form of manifests.
#include "codec/json.hpp"
#include "codec/json_writer.hpp"
#include "codec/message.hpp"
#include "codec/resource_text.hpp"

namespace unik::codec {

std::string to_json(const Resource& resource) {
  JsonWriter out;
  write_resource(out, resource, Extent::kAll);
  return out.take();
}

template <>
Result<Resource> from_json<Resource>(std::string_view text) {
  return read_message<Resource>(text, "resource", kStoredManifestReading, [](const At& at, Resource& out) {
    if (auto read = read_resource(at, {})) out = std::move(*read);
  });
}

}  // namespace unik::codec
