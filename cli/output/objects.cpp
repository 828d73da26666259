#include "cli/output/objects.hpp"

#include <optional>

#include "cli/output/document.hpp"
#include "cli/output/views.hpp"
#include "codec/json.hpp"
#include "codec/views_json.hpp"
#include "codec/yaml_out.hpp"

namespace unik::cli {
namespace {

std::string name_of(const AppView& view) {
  return "app/" + view.app.metadata.name;
}
std::string name_of(const InstanceView& view) {
  return "instance/" + view.name;
}
std::string name_of(const NodeView& view) {
  return "node/" + view.node.metadata.name;
}
std::string name_of(const TenantView& view) {
  return "tenant/" + view.tenant.metadata.name;
}
std::string name_of(const Operation& operation) {
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
std::string json_of(const std::vector<View>& views, bool single) {
  std::vector<std::string> texts;
  for (const View& view : views) texts.push_back(codec::to_json(view));
  return single && texts.size() == 1 ? texts.front() : json_list(texts);
}

template <typename View>
std::string yaml_text_of(const std::vector<View>& views, bool single) {
  std::vector<Resource> manifests;
  for (const View& view : views)
    if (auto manifest = manifest_of(view)) manifests.push_back(std::move(*manifest));
  if (manifests.size() == views.size()) return codec::to_yaml(manifests);
  return yaml_of(json_of(views, single));
}

template <typename View>
std::string render(const std::vector<View>& views, const ObjectStyle& style) {
  switch (style.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      if (views.empty()) return "";
      return cli::render(table_of(views, style.now, style.format == OutputFormat::kWide), style.colour);
    case OutputFormat::kJson:
      return pretty_json(json_of(views, style.single));
    case OutputFormat::kYaml:
      return yaml_text_of(views, style.single);
    case OutputFormat::kName:
      break;
  }
  std::string names;
  for (const View& view : views) names += name_of(view) + "\n";
  return names;
}

}  // namespace

std::string render_objects(const std::vector<AppView>& apps, const ObjectStyle& style) {
  return render(apps, style);
}
std::string render_objects(const std::vector<InstanceView>& instances, const ObjectStyle& style) {
  return render(instances, style);
}
std::string render_objects(const std::vector<NodeView>& nodes, const ObjectStyle& style) {
  return render(nodes, style);
}
std::string render_objects(const std::vector<TenantView>& tenants, const ObjectStyle& style) {
  return render(tenants, style);
}
std::string render_objects(const std::vector<Operation>& operations, const ObjectStyle& style) {
  return render(operations, style);
}

}  // namespace unik::cli
