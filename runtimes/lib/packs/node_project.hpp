// A Node project as its package.json tells it, and what the packs npm, yarn and pnpm do alike: they are groups over the
// same package.json, and differ in NodeManager alone.
//
// Nothing that a package brings runs during the install (--ignore-scripts); the project's own `build` script does.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

struct NodeProject {
  std::map<std::string, std::string> dependencies;  // that a running app needs: name -> range
  bool has_dev_dependencies = false;
  bool has_workspaces = false;  // packages of its own tree, which an install links to each other
  bool builds = false;          // it has a script `build`
  std::string start;            // the script `start`
  std::string main;

  bool installs() const { return !dependencies.empty() || has_workspaces || (builds && has_dev_dependencies); }
};

// Without a package.json it is the empty project. Errors: `invalid/bad_project`.
Result<NodeProject> read_node_project(const PackContext& context);

enum class NodeInstall : std::uint8_t {
  kRunning,   // what the app needs to run
  kBuilding,  // and what builds it
  kPruning,   // after the build: what only built it goes
};

// What the package managers differ in.
struct NodeManager {
  ToolNeed tool;
  std::vector<std::string_view> locks;  // the first that is there holds
  std::string_view locks_by;            // the command that makes the first
  // Errors: `invalid/unhashed_lock`, naming the entry.
  Result<void> (*check_lock)(const PackContext& context, const std::string& lock);
  // Arguments of the manager's program; `locked` is false in a debug build without a lock.
  std::vector<std::string> (*install)(const PackContext& context, NodeInstall what, bool locked);
  std::map<std::string, std::string> (*environment)(const PackContext& context);
};

std::vector<ToolNeed> node_tools(const NodeManager& manager, const PackContext& context);
// Errors: `invalid/ambiguous_lock`, `invalid/unsafe_source` (a package by a path that leaves the source).
Result<void> check_node(const PackContext& context);
Result<BuildPlan> plan_node(const NodeManager& manager, const PackContext& context);
Result<Launch> finish_node(const PackContext& context);

}  // namespace unik::runtimes
