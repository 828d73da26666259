#include "cli/runtime_settings.hpp"

#include <system_error>

#include "cli/context.hpp"
#include "codec/tree.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"

namespace unik::cli {
namespace {

using codec::NodeKind;
using codec::TreeNode;

constexpr Bytes kMaxConfig = mebibytes(1);

class SettingsReader {
 public:
  SettingsReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  RuntimeSettings read(const TreeNode& root) {
    each_member(root, [&](std::string_view key, const TreeNode& value) {
      if (key == "runtimes") read_runtimes(value);
      if (key == "images") read_images(value);
    });
    return std::move(settings_);
  }
  std::vector<Fault>& faults() { return faults_; }

 private:
  void fault(const std::string& path, const std::string& message, const TreeNode& at) {
    const codec::Place place = codec::place_in(text_, at.offset);
    faults_.push_back({name_, place.line, place.column, path, message});
  }
  template <typename Use>
  void each_member(const TreeNode& mapping, Use use) {
    if (mapping.kind != NodeKind::kMapping) return;
    for (const TreeNode* key = mapping.child; key != nullptr && key->next != nullptr; key = key->next->next)
      use(key->text(), *key->next);
  }

  void read_runtimes(const TreeNode& node) {
    if (node.kind != NodeKind::kMapping) return fault("runtimes", "want {namespace, mirrors, registries}", node);
    each_member(node, [&](std::string_view key, const TreeNode& value) {
      if (key == "namespace") return read_space(value);
      if (key == "mirrors") return read_mirrors(value);
      if (key == "registries") return read_registries(value);
      fault("runtimes." + std::string(key), "unknown field; want `namespace`, `mirrors` or `registries`", value);
    });
  }
  void read_space(const TreeNode& value) {
    settings_.space = value.is_scalar() ? value.text() : std::string_view();
    // It begins a name that the image store and registries must take.
    if (!runtimes::is_image_name(settings_.space))
      fault("runtimes.namespace", "want HOST[:PORT]/PATH or PATH in lower case, without a tag", value);
  }
  void read_mirrors(const TreeNode& value) {
    if (value.kind != NodeKind::kSequence) return fault("runtimes.mirrors", "want a list of URLs", value);
    for (const TreeNode* item = value.child; item != nullptr; item = item->next) {
      const std::string url(item->is_scalar() ? item->text() : std::string_view());
      if (!url.starts_with("https://") && !url.starts_with("http://") && !url.starts_with("file:///"))
        fault("runtimes.mirrors", "want a URL of https:, http: or file:", *item);
      settings_.mirrors.push_back(url);
    }
  }

  void read_images(const TreeNode& node) {
    if (node.kind != NodeKind::kMapping) return fault("images", "want {trusted_keys}", node);
    each_member(node, [&](std::string_view key, const TreeNode& value) {
      if (key == "trusted_keys") return read_trusted_keys(value);
      fault("images." + std::string(key), "unknown field; want `trusted_keys`", value);
    });
  }
  void read_trusted_keys(const TreeNode& value) {
    if (value.kind != NodeKind::kSequence)
      return fault("images.trusted_keys", "want a list of public keys, as `runtime key generate` prints them", value);
    for (const TreeNode* item = value.child; item != nullptr; item = item->next) {
      auto key = runtimes::parse_public_key(item->is_scalar() ? item->text() : std::string_view());
      if (key)
        settings_.trusted_keys.push_back(*key);
      else
        fault("images.trusted_keys", key.error().message, *item);
    }
  }

  void read_registries(const TreeNode& value) {
    if (value.kind != NodeKind::kSequence)
      return fault("runtimes.registries", "want a list of {name, url, enabled, public_key}", value);
    std::size_t index = 0;
    for (const TreeNode* item = value.child; item != nullptr; item = item->next)
      read_registry(*item, "runtimes.registries[" + std::to_string(index++) + "]");
  }
  void read_registry(const TreeNode& item, const std::string& path) {
    if (item.kind != NodeKind::kMapping) return fault(path, "want {name, url, enabled, public_key}", item);
    runtimes::ConfiguredRegistry registry;
    each_member(item, [&](std::string_view key, const TreeNode& value) {
      const std::string at = path + "." + std::string(key);
      const std::string text(value.is_scalar() ? value.text() : std::string_view());
      if (key == "name") return take_registry_name(text, at, value, registry);
      if (key == "url") return take_registry_url(text, at, value, registry);
      if (key == "public_key") return take_public_key(text, at, value, registry);
      if (key == "enabled" && (text == "true" || text == "false"))
        registry.enabled = text == "true";
      else if (key == "enabled")
        fault(at, "want true or false", value);
      else
        fault(at, "unknown field; want `name`, `url`, `enabled` or `public_key`", value);
    });
    for (const auto& [key, given] : {std::pair("name", &registry.name), std::pair("url", &registry.url)})
      if (given->empty()) fault(path + "." + key, "every registry has one", item);
    settings_.registries.push_back(std::move(registry));
  }
  void take_registry_name(const std::string& text, const std::string& at, const TreeNode& value,
                          runtimes::ConfiguredRegistry& registry) {
    for (const runtimes::ConfiguredRegistry& other : settings_.registries)
      if (other.name == text) fault(at, "`" + text + "` stands here twice", value);
    registry.name = text;
  }
  void take_registry_url(const std::string& text, const std::string& at, const TreeNode& value,
                         runtimes::ConfiguredRegistry& registry) {
    if (const auto url = runtimes::registry_file_url(text); !url) fault(at, url.error().message, value);
    registry.url = text;
  }
  void take_public_key(const std::string& text, const std::string& at, const TreeNode& value,
                       runtimes::ConfiguredRegistry& registry) {
    auto key = runtimes::parse_public_key(text);
    if (key)
      registry.public_key = *key;
    else
      fault(at, key.error().message, value);
  }

  std::string_view text_;
  const std::string& name_;
  RuntimeSettings settings_;
  std::vector<Fault> faults_;
};

// Registries and keys that cannot be read are not the same as none.
Error bad_yaml(const codec::Tree& tree, std::string_view text, const std::string& name) {
  Error error = invalid("bad_config", "the CLI's configuration cannot be read; mend " + name);
  for (const codec::Problem& problem : tree.problems()) {
    const codec::Place place = codec::place_in(text, problem.offset);
    error.details.push_back({name, place.line, place.column, "", problem.message});
  }
  return error;
}

}  // namespace

Result<RuntimeSettings> parse_runtime_settings(std::string_view text, const std::string& name) {
  codec::Tree tree;
  codec::read_yaml(text, tree);
  if (!tree.problems().empty()) return bad_yaml(tree, text, name);
  if (tree.root() == nullptr) return RuntimeSettings{};
  SettingsReader reader(text, name);
  RuntimeSettings settings = reader.read(*tree.root());
  if (reader.faults().empty()) return settings;
  Error error =
      invalid("bad_config", "what the CLI's configuration says of runtimes and images cannot be used; mend " + name);
  error.details = std::move(reader.faults());
  return error;
}

Result<RuntimeSettings> read_runtime_settings(const Environment& environment) {
  const std::filesystem::path path = config_path(environment);
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return RuntimeSettings{};
  const auto text = runtimes::read_file(path, kMaxConfig);
  if (!text) return invalid("bad_config", "cannot read " + path.string() + "; check its permissions");
  return parse_runtime_settings(*text, path.string());
}

}  // namespace unik::cli
