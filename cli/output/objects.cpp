#include "cli/output/objects.hpp"

#include <optional>

#include "cli/output/document.hpp"
#include "cli/output/views.hpp"
#include "codec/json.hpp"
#include "codec/views_json.hpp"
#include "codec/yaml_out.hpp"

namespace unik::cli {
namespace {

std::string object_name(const AppView& view) {
  return "app/" + view.app.metadata.name;
}
std::string object_name(const InstanceView& view) {
  return "instance/" + view.name;
}
std::string object_name(const NodeView& view) {
  return "node/" + view.node.metadata.name;
}
std::string object_name(const TenantView& view) {
  return "tenant/" + view.tenant.metadata.name;
}
std::string object_name(const Operation& operation) {
  return "operation/" + operation.operation_id;
}

std::optional<Resource> manifest_of(const AppView& view) {
  return view.app;
}
std::optional<Resource> manifest_of(const NodeView& view) {
  return view.node;
}
std::optional<Resource> manifest_of(const TenantView& view) {
  return view.tenant;
}
std::optional<Resource> manifest_of(const InstanceView&) {
  return std::nullopt;
}
std::optional<Resource> manifest_of(const Operation&) {
  return std::nullopt;
}

template <typename View>
void add_json(const std::vector<View>& views, std::vector<std::string>& texts) {
  for (const View& view : views) texts.push_back(codec::to_json(view));
}

std::string json_of(const std::vector<std::string>& texts, bool single) {
  return single && texts.size() == 1 ? texts.front() : json_list(texts);
}

template <typename View>
std::string yaml_of_kind(const std::vector<View>& views, bool single) {
  std::vector<Resource> manifests;
  for (const View& view : views)
    if (auto manifest = manifest_of(view)) manifests.push_back(std::move(*manifest));
  if (manifests.size() == views.size()) return codec::to_yaml(manifests);
  std::vector<std::string> texts;
  add_json(views, texts);
  return yaml_of(json_of(texts, single));
}

template <typename View>
std::string names_of_kind(const std::vector<View>& views) {
  std::string names;
  for (const View& view : views) names += object_name(view) + "\n";
  return names;
}

template <typename Render>
std::string joined(const std::vector<Views>& kinds, std::string_view separator, Render render_kind) {
  std::string text;
  for (const Views& views : kinds) {
    const std::string one = std::visit(render_kind, views);
    if (!text.empty() && !one.empty()) text += separator;
    text += one;
  }
  return text;
}

}  // namespace

bool is_empty(const Views& views) {
  return std::visit([](const auto& items) { return items.empty(); }, views);
}

std::string render_objects(const std::vector<Views>& kinds, const ObjectStyle& style) {
  switch (style.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return joined(kinds, "\n", [&](const auto& items) {
        return items.empty() ? ""
                             : render(table_of(items, style.now, style.format == OutputFormat::kWide), style.colour);
      });
    case OutputFormat::kJson: {
      std::vector<std::string> texts;
      for (const Views& views : kinds) std::visit([&](const auto& items) { add_json(items, texts); }, views);
      return pretty_json(json_of(texts, style.single));
    }
    case OutputFormat::kYaml:
      return joined(kinds, "---\n", [&](const auto& items) { return yaml_of_kind(items, style.single); });
    case OutputFormat::kName:
      break;
  }
  return joined(kinds, "", [](const auto& items) { return names_of_kind(items); });
}

}  // namespace unik::cli
