// What several verbs share: fetching objects by kind and name, and printing them.
#pragma once

#include <variant>
#include <vector>

#include "cli/api.hpp"
#include "cli/objects.hpp"
#include "cli/output/format.hpp"
#include "cli/session.hpp"

namespace unik::cli {

using Views = std::variant<std::vector<AppView>, std::vector<InstanceView>, std::vector<NodeView>,
                           std::vector<TenantView>, std::vector<Operation>>;

// All of a kind, or the one.
Result<Views> fetch_views(const Api& api, const ObjectRef& object);

// Prints them; says on stderr where a table would be empty.
void show(const Session& session, const Views& views, ObjectKind kind, OutputFormat format, bool single,
          const std::string& tenant);

// JSON and YAML of one reply, else the lines `app/web created`.
void show_reply(const Session& session, const ApplyReply& reply, OutputFormat format);

}  // namespace unik::cli
