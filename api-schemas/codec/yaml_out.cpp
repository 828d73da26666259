#include "codec/yaml_out.hpp"

#include "codec/resource_text.hpp"
#include "codec/yaml_writer.hpp"

namespace unik::codec {

std::string to_yaml(const Resource& resource) {
  YamlWriter out;
  write_resource(out, resource, Extent::kChosen);
  return out.take();
}

std::string to_yaml(std::span<const Resource> resources) {
  std::string text;
  for (const Resource& resource : resources) {
    if (!text.empty()) text += "---\n";
    text += to_yaml(resource);
  }
  return text;
}

}  // namespace unik::codec
