// How a Node project is started, since there is no shell and no npm in the guest: the script `start` taken apart, the
// file that `main` names, a server file by its usual name, or the static files that a build left.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtimes/lib/packs/node_project.hpp"

namespace unik::runtimes {

struct NodeEntry {
  std::vector<std::string> command;  // `node server.js`, or a dependency's program: `http-server -p 8080`
  std::map<std::string, std::string> environment;
};

// `has` tells of files by their paths in the project. Errors: `invalid/no_entry_point`.
Result<NodeEntry> find_node_entry(const PackContext& context, const NodeProject& project,
                                  const std::function<bool(const std::string&)>& has);

// After the build, on the disk. Errors: `invalid/no_entry_point`.
Result<Launch> launch_node(const PackContext& context, const NodeProject& project);

}  // namespace unik::runtimes
