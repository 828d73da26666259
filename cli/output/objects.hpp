// One object or a list of them in any of the formats of `-o`.
#pragma once

#include <string>
#include <vector>

#include "api/views.hpp"
#include "cli/output/format.hpp"

namespace unik::cli {

struct ObjectStyle {
  OutputFormat format = OutputFormat::kTable;
  bool colour = false;
  WallTime now{};
  bool single = false;  // asked for by name: JSON and YAML give the object itself, not a list
};

// JSON is complete. YAML of declared kinds is the manifest, which can be committed and applied; of the others it is
// what JSON says. `-o name` gives `app/web`, one a line. Tables of nothing are empty: the caller says so on stderr.
std::string render_objects(const std::vector<AppView>& apps, const ObjectStyle& style);
std::string render_objects(const std::vector<InstanceView>& instances, const ObjectStyle& style);
std::string render_objects(const std::vector<NodeView>& nodes, const ObjectStyle& style);
std::string render_objects(const std::vector<TenantView>& tenants, const ObjectStyle& style);
std::string render_objects(const std::vector<Operation>& operations, const ObjectStyle& style);

}  // namespace unik::cli
