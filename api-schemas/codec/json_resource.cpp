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

namespace {

void read_stored(const At& at, Resource& out) {
  auto read = read_resource(at, {});
  if (!read) return;
  // Lenient as to all else, but nothing that is read may be of nobody.
  if (metadata_of(*read).name.empty()) return at.fault("want a resource with its `metadata.name`");
  out = std::move(*read);
}

}  // namespace

template <>
Result<Resource> from_json<Resource>(std::string_view text) {
  return read_message<Resource>(text, "resource", kStoredManifestReading, read_stored);
}
template <>
Result<Resource> from_json<Resource>(JsonView value) {
  return read_message<Resource>(value, "resource", kStoredManifestReading, read_stored);
}

}  // namespace unik::codec
