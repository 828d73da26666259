// One object or a list of them in any of the formats of `-o`.
#pragma once

#include <string>
#include <variant>
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

// Of one kind.
using Views = std::variant<std::vector<AppView>, std::vector<InstanceView>, std::vector<NodeView>,
                           std::vector<TenantView>, std::vector<Operation>>;

bool is_empty(const Views& views);

// JSON is complete, and one document. YAML of declared kinds is the manifests, which can be committed and applied; of
// the others it is what JSON says; a document each. `-o name` gives `app/web`, one a line. Tables of several kinds have
// a line between them, those of nothing are left out: the caller says so on stderr.
std::string render_objects(const std::vector<Views>& kinds, const ObjectStyle& style);

}  // namespace unik::cli
