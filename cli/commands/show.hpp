// What several verbs share: fetching objects by kind and name, and printing them.
#pragma once

#include <vector>

#include "cli/api.hpp"
#include "cli/objects.hpp"
#include "cli/output/objects.hpp"
#include "cli/session.hpp"

namespace unik::cli {

// All of a kind, or the one.
Result<Views> fetch_views(const Api& api, const ObjectRef& object);

// Prints them; says on stderr where a table would be empty. `tenant` is who was asked about.
void show(const Session& session, const std::vector<Views>& kinds, OutputFormat format, bool single,
          const std::string& tenant);

// JSON and YAML of one reply, else the lines `app/web created`, and of a dry run where instances would go.
void show_reply(const Session& session, const ApplyReply& reply, OutputFormat format);

}  // namespace unik::cli
