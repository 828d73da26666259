#include "runtimes/lib/oci/image.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtimes/lib/oci/json_text.hpp"

namespace unik::runtimes {
namespace {

using nlohmann::json;  // keeps its keys sorted

// nlohmann recurses on nesting; a hostile document is cut off here instead of on the stack.
constexpr int kMaxJsonDepth = 32;

std::optional<json> parse_object(std::string_view text) {
  bool too_deep = false;
  const json::parser_callback_t guard = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxJsonDepth;
    return !too_deep;
  };
  if (static_cast<std::int64_t>(text.size()) > kMaxDocumentBytes) return std::nullopt;
  // The parser itself is iterative; only values that were kept could be deep.
  json value = json::parse(text, guard, false);
  if (too_deep || !value.is_object()) return std::nullopt;
  return value;
}

// A missing or null member is empty, as Docker writes it.
std::optional<std::vector<std::string>> texts_of(const json& object, const char* key) {
  std::vector<std::string> texts;
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return texts;
  if (!it->is_array()) return std::nullopt;
  for (const json& item : *it) {
    if (!item.is_string()) return std::nullopt;
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Annotations annotations_of(const json& object) {
  Annotations annotations;
  const auto it = object.find("annotations");
  if (it == object.end() || !it->is_object()) return annotations;
  for (const auto& [key, value] : it->items())
    if (value.is_string()) annotations[key] = value.get<std::string>();
  return annotations;
}

// Docker's names for the same things.
std::string normal_media_type(std::string type) {
  constexpr std::pair<std::string_view, std::string_view> kSame[] = {
      {"application/vnd.docker.distribution.manifest.v2+json", kManifestMediaType},
      {"application/vnd.docker.container.image.v1+json", kConfigMediaType},
      {"application/vnd.docker.image.rootfs.diff.tar.gzip", kLayerGzipMediaType},
      {"application/vnd.docker.image.rootfs.diff.tar", kLayerTarMediaType},
  };
  for (const auto& [docker, oci] : kSame)
    if (type == docker) return std::string(oci);
  return type;
}

Result<Descriptor> parse_descriptor(const json& value, const std::string& where, const char* reason) {
  if (!value.is_object()) return invalid(reason, where + ": want an object with mediaType, digest and size");
  Descriptor descriptor;
  descriptor.media_type = normal_media_type(text_member(value, "mediaType"));
  auto digest = parse_digest(text_member(value, "digest"));
  if (!digest) return invalid(reason, where + ".digest: " + digest.error().message);
  descriptor.digest = *digest;
  const auto size = value.find("size");
  if (size == value.end() || !size->is_number_integer() || size->get<std::int64_t>() < 0)
    return invalid(reason, where + ".size: want a number of bytes");
  descriptor.size = size->get<std::int64_t>();
  descriptor.annotations = annotations_of(value);
  descriptor.artifact_type = text_member(value, "artifactType");
  return descriptor;
}

json descriptor_json(const Descriptor& descriptor) {
  json value = {
      {"mediaType", descriptor.media_type}, {"digest", to_string(descriptor.digest)}, {"size", descriptor.size}};
  if (!descriptor.annotations.empty()) value["annotations"] = descriptor.annotations;
  if (!descriptor.artifact_type.empty()) value["artifactType"] = descriptor.artifact_type;
  return value;
}

// Not UTF-8 where JSON wants it (a file name in an entry point): replaced rather than thrown about.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text) {
  constexpr auto kReason = "bad_manifest";
  const auto object = parse_object(text);
  if (!object) return invalid(kReason, "manifest: want a JSON object of at most 4 MiB");
  const auto version = object->find("schemaVersion");
  if (version == object->end() || !version->is_number_integer() || version->get<std::int64_t>() != 2)
    return invalid(kReason, "manifest: schemaVersion: want 2");
  if (object->contains("manifests"))
    return invalid(kReason, "manifest: found an index of several images; want the manifest of one");
  Manifest manifest;
  if (!object->contains("config")) return invalid(kReason, "manifest: config: missing");
  auto config = parse_descriptor((*object)["config"], "manifest: config", kReason);
  if (!config) return std::move(config).error();
  manifest.config = *std::move(config);
  const auto layers = object->find("layers");
  if (layers == object->end() || !layers->is_array()) return invalid(kReason, "manifest: layers: want a list");
  if (layers->size() > kMaxLayers)
    return invalid(kReason, "manifest: layers: want at most " + std::to_string(kMaxLayers) + ", got " +
                                std::to_string(layers->size()));
  for (std::size_t i = 0; i < layers->size(); ++i) {
    auto layer = parse_descriptor((*layers)[i], "manifest: layers[" + std::to_string(i) + "]", kReason);
    if (!layer) return std::move(layer).error();
    manifest.layers.push_back(*std::move(layer));
  }
  manifest.annotations = annotations_of(*object);
  manifest.artifact_type = text_member(*object, "artifactType");
  if (const auto subject = object->find("subject"); subject != object->end() && !subject->is_null()) {
    auto about = parse_descriptor(*subject, "manifest: subject", kReason);
    if (!about) return std::move(about).error();
    manifest.subject = *std::move(about);
  }
  return manifest;
}

Result<ImageConfig> parse_image_config(std::string_view text) {
  constexpr auto kReason = "bad_image_config";
  const auto object = parse_object(text);
  if (!object) return invalid(kReason, "image config: want a JSON object of at most 4 MiB");
  ImageConfig config;
  config.architecture = text_member(*object, "architecture");
  config.os = text_member(*object, "os");
  const auto inner_it = object->find("config");
  const json inner = inner_it != object->end() && inner_it->is_object() ? *inner_it : json::object();
  const std::pair<const char*, std::vector<std::string>*> lists[] = {
      {"Entrypoint", &config.entrypoint}, {"Cmd", &config.cmd}, {"Env", &config.env}};
  for (const auto& [key, list] : lists) {
    auto texts = texts_of(inner, key);
    if (!texts) return invalid(kReason, std::string("image config: config.") + key + ": want a list of strings");
    *list = *std::move(texts);
  }
  config.working_dir = text_member(inner, "WorkingDir");
  config.user = text_member(inner, "User");
  if (const auto ports = inner.find("ExposedPorts"); ports != inner.end() && ports->is_object())
    for (const auto& [port, unused] : ports->items()) config.exposed_ports.push_back(port);
  const auto rootfs = object->find("rootfs");
  const auto diff_ids = rootfs != object->end() && rootfs->is_object() ? texts_of(*rootfs, "diff_ids") : std::nullopt;
  if (!diff_ids) return invalid(kReason, "image config: rootfs.diff_ids: want a list of digests");
  for (const std::string& id : *diff_ids) {
    auto digest = parse_digest(id);
    if (!digest) return invalid(kReason, "image config: rootfs.diff_ids: " + digest.error().message);
    config.diff_ids.push_back(*digest);
  }
  if (const auto history = object->find("history"); history != object->end() && history->is_array())
    for (const json& step : *history)
      if (step.is_object()) config.history.push_back(text_member(step, "created_by"));
  return config;
}

Result<std::vector<NamedImage>> parse_index(std::string_view text) {
  constexpr auto kReason = "bad_index";
  const auto object = parse_object(text);
  if (!object) return invalid(kReason, "index: want a JSON object of at most 4 MiB");
  const auto manifests = object->find("manifests");
  if (manifests == object->end() || !manifests->is_array()) return invalid(kReason, "index: manifests: want a list");
  std::vector<NamedImage> images;
  for (std::size_t i = 0; i < manifests->size(); ++i) {
    auto descriptor = parse_descriptor((*manifests)[i], "index: manifests[" + std::to_string(i) + "]", kReason);
    if (!descriptor) return std::move(descriptor).error();
    NamedImage image{{}, *std::move(descriptor)};
    if (const auto name = image.manifest.annotations.find(std::string(kNameAnnotation));
        name != image.manifest.annotations.end()) {
      image.name = name->second;
      image.manifest.annotations.erase(name);
    }
    images.push_back(std::move(image));
  }
  return images;
}

std::string print_manifest(const Manifest& manifest) {
  json value = {{"schemaVersion", 2},
                {"mediaType", kManifestMediaType},
                {"config", descriptor_json(manifest.config)},
                {"layers", json::array()}};
  for (const Descriptor& layer : manifest.layers) value["layers"].push_back(descriptor_json(layer));
  if (!manifest.annotations.empty()) value["annotations"] = manifest.annotations;
  if (!manifest.artifact_type.empty()) value["artifactType"] = manifest.artifact_type;
  if (manifest.subject) value["subject"] = descriptor_json(*manifest.subject);
  return dump(value);
}

std::string print_image_config(const ImageConfig& config) {
  json inner = json::object();
  if (!config.entrypoint.empty()) inner["Entrypoint"] = config.entrypoint;
  if (!config.cmd.empty()) inner["Cmd"] = config.cmd;
  if (!config.env.empty()) inner["Env"] = config.env;
  if (!config.working_dir.empty()) inner["WorkingDir"] = config.working_dir;
  if (!config.user.empty()) inner["User"] = config.user;
  for (const std::string& port : config.exposed_ports) inner["ExposedPorts"][port] = json::object();
  json diff_ids = json::array();
  for (const Digest& id : config.diff_ids) diff_ids.push_back(to_string(id));
  json history = json::array();
  for (const std::string& step : config.history) history.push_back({{"created", kCreated}, {"created_by", step}});
  const json value = {{"created", kCreated},
                      {"architecture", config.architecture},
                      {"os", config.os},
                      {"config", inner},
                      {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}},
                      {"history", history}};
  return dump(value);
}

std::string print_index(const std::vector<NamedImage>& images) {
  json manifests = json::array();
  for (const NamedImage& image : images) {
    Descriptor descriptor = image.manifest;
    if (!image.name.empty()) descriptor.annotations[std::string(kNameAnnotation)] = image.name;
    manifests.push_back(descriptor_json(descriptor));
  }
  return dump({{"schemaVersion", 2}, {"mediaType", kIndexMediaType}, {"manifests", manifests}});
}

std::string annotation(const Annotations& annotations, std::string_view key) {
  const auto it = annotations.find(std::string(key));
  return it == annotations.end() ? "" : it->second;
}

const Descriptor* find_layer(const Manifest& manifest, std::string_view layer) {
  const auto it = std::find_if(manifest.layers.begin(), manifest.layers.end(), [&](const Descriptor& descriptor) {
    return annotation(descriptor.annotations, kLayerAnnotation) == layer;
  });
  return it == manifest.layers.end() ? nullptr : &*it;
}

}  // namespace unik::runtimes
