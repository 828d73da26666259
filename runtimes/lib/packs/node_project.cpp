#include "runtimes/lib/packs/node_project.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/json_text.hpp"
#include "runtimes/lib/packs/node_entry.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kAllLocks[] = {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"};

// Two locks pin two trees, and only one of them is what was tried.
Result<void> check_alone(const PackContext& context) {
  std::string found;
  int count = 0;
  for (const std::string_view lock : kAllLocks)
    if (context.source.has(lock)) found += (count++ == 0 ? "" : " and ") + std::string(lock);
  if (count < 2) return {};
  return in_source(context, "package.json", "ambiguous_lock",
                   "want one lock beside it, found " + found + "; remove those of the managers that are not used");
}

// `file:../greet`, `../greet`: the path, or empty.
std::string_view path_of_range(std::string_view range) {
  for (const std::string_view scheme : {"file:", "link:", "portal:"})
    if (range.starts_with(scheme)) return range.substr(scheme.size());
  for (const std::string_view begin : {"./", "../", "/"})
    if (range.starts_with(begin)) return range;
  return "";
}

// Those that a package.json names for what it requires, and for its workspaces.
Result<void> check_paths_in(const PackContext& context, const std::string& file) {
  const json object = json::parse(context.source.text_or_empty(file), nullptr, false);
  if (!object.is_object()) return {};
  for (const char* group : {"dependencies", "devDependencies", "optionalDependencies", "overrides", "resolutions"}) {
    const json ranges = object.value(group, json());
    for (const auto& [name, range] : ranges.items())
      if (const std::string text = range.is_string() ? range.get<std::string>() : ""; !path_of_range(text).empty())
        if (auto stays = check_path_stays(context, file, group + ("." + name), path_of_range(text)); !stays)
          return stays;
  }
  json workspaces = object.value("workspaces", json());
  if (workspaces.is_object()) workspaces = workspaces.value("packages", json());
  for (const json& pattern : workspaces)
    if (pattern.is_string())
      if (auto stays = check_path_stays(context, file, "workspaces", pattern.get<std::string>()); !stays) return stays;
  return {};
}

Result<std::string> find_lock_of(const NodeManager& manager, const PackContext& context) {
  for (const std::string_view lock : manager.locks)
    if (context.source.has(lock)) return std::string(lock);
  if (context.mode == BuildMode::kDebug) return std::string();
  return in_source(context, "package.json", "no_lock",
                   "want " + std::string(manager.locks.front()) +
                       " beside it, which pins what it requires, found none; run `" + std::string(manager.locks_by) +
                       "` and commit it");
}

BuildStep manager_step(const NodeManager& manager, const PackContext& context, std::string title,
                       std::vector<std::string> args) {
  args.insert(args.begin(), context.tools.at(manager.tool.name).program.string());
  return {std::move(title), std::move(args), manager.environment(context)};
}

// Links to programs, and what managers note for themselves: the times, stores and registries of this machine.
Result<void> tidy(const fs::path& work) {
  std::error_code error;
  std::vector<fs::path> notes;
  const fs::path modules = work / "node_modules";
  if (!fs::is_directory(modules, error)) return {};
  for (fs::recursive_directory_iterator entry(modules, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool note = entry.depth() == 0 && name.starts_with(".") && name != ".pnpm";
    if (!note && name != ".bin") continue;
    notes.push_back(entry->path());
    entry.disable_recursion_pending();
  }
  for (const fs::path& note : notes)
    if (!error) fs::remove_all(note, error);
  if (error) return unavailable("store_failed", "tidying " + modules.string() + ": " + error.message());
  return {};
}

std::string major_version(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  return std::string(version.substr(0, version.find('.')));
}

// V8's own C++ API is another with each major version, and Node-API is not.
Result<bool> uses_v8(const fs::path& addon) {
  constexpr std::string_view kNamespace = "_ZN2v8";
  std::string seen;
  bool found = false;
  auto read = read_chunks(addon, [&](std::string_view bytes) -> Result<void> {
    seen.append(bytes);
    found = found || seen.find(kNamespace) != std::string::npos;
    seen.erase(0, seen.size() - std::min(seen.size(), kNamespace.size() - 1));
    return {};
  });
  if (!read) return std::move(read).error();
  return found;
}

// Addons were compiled for the Node of this host, or fetched for it.
Result<void> check_addons(const PackContext& context) {
  const auto tool = context.tools.find("node");
  const auto provided = context.provides.find("nodejs");
  if (tool == context.tools.end() || provided == context.provides.end()) return {};
  const std::string here = major_version(tool->second.version), there = major_version(provided->second);
  if (here == there) return {};
  const fs::path& work = context.places.work;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(work, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().extension() != ".node" || !entry->is_regular_file(ignored)) continue;
    const auto bound = uses_v8(entry->path());
    if (!bound) return bound.error();
    if (*bound)
      return in_source(context, "package.json", "wrong_toolchain",
                       entry->path().lexically_relative(work).string() + ": want an addon for Node " + there +
                           ", which the runtime provides, found one for Node " + here + ", the one on PATH; put Node " +
                           there + " first on PATH, or take a version of the package that uses Node-API");
  }
  return {};
}

}  // namespace

Result<NodeProject> read_node_project(const PackContext& context) {
  NodeProject project;
  if (!context.source.has("package.json")) return project;
  const json object = json::parse(context.source.text_or_empty("package.json"), nullptr, false);
  if (!object.is_object())
    return in_source(context, "package.json", "bad_project", "want a JSON object, found something else; mend the file");
  for (const char* group : {"dependencies", "optionalDependencies"})
    if (const auto it = object.find(group); it != object.end() && it->is_object())
      for (const auto& [name, range] : it->items())
        project.dependencies[name] = range.is_string() ? range.get<std::string>() : "";
  const auto dev = object.find("devDependencies");
  project.has_dev_dependencies = dev != object.end() && dev->is_object() && !dev->empty();
  // An array of patterns, or yarn's object that holds one; pnpm has a file of its own.
  const auto workspaces = object.find("workspaces");
  project.has_workspaces =
      (workspaces != object.end() && !workspaces->empty()) || context.source.has("pnpm-workspace.yaml");
  project.main = text_member(object, "main");
  if (const auto scripts = object.find("scripts"); scripts != object.end() && scripts->is_object()) {
    project.builds = !text_member(*scripts, "build").empty();
    project.start = text_member(*scripts, "start");
  }
  return project;
}

std::vector<ToolNeed> node_tools(const NodeManager& manager, const PackContext& context) {
  const auto project = read_node_project(context);
  if (project && !project->installs() && !project->builds) return {};
  return {{"node", {"node", "nodejs"}, {"--version"}, "v", "apt-get install nodejs"}, manager.tool};
}

Result<void> check_node(const PackContext& context) {
  if (auto alone = check_alone(context); !alone) return alone;
  for (const std::string& file : context.source.files_below("package.json"))
    if (fs::path(file).filename() == "package.json")
      if (auto inside = check_paths_in(context, file); !inside) return inside;
  return {};
}

Result<BuildPlan> plan_node(const NodeManager& manager, const PackContext& context) {
  auto project = read_node_project(context);
  if (!project) return std::move(project).error();
  BuildPlan plan;
  plan.deterministic = context.mode == BuildMode::kRelease;
  if (project->installs()) {
    auto lock = find_lock_of(manager, context);
    if (!lock) return std::move(lock).error();
    plan.lock = *std::move(lock);
    const bool locked = !plan.lock.empty();
    if (auto checked = manager.check_lock(context, plan.lock); locked && plan.deterministic && !checked)
      return checked.error();
    const NodeInstall what = project->builds ? NodeInstall::kBuilding : NodeInstall::kRunning;
    plan.steps.push_back(manager_step(manager, context, "install", manager.install(context, what, locked)));
  }
  if (project->builds) {
    plan.steps.push_back(manager_step(manager, context, "build", {"run", "build"}));
    if (project->has_dev_dependencies)
      plan.steps.push_back(
          manager_step(manager, context, "prune", manager.install(context, NodeInstall::kPruning, !plan.lock.empty())));
    return plan;
  }
  // With no build to come, an entry point that is not in the source will never be there.
  const auto has = [&](const std::string& path) {
    return context.source.has(path) || (project->installs() && path.starts_with("node_modules/"));
  };
  auto entry = find_node_entry(context, *project, has);
  if (!entry) return std::move(entry).error();
  return plan;
}

Result<Launch> finish_node(const PackContext& context) {
  auto project = read_node_project(context);
  if (!project) return std::move(project).error();
  if (auto fits = check_addons(context); !fits) return fits.error();
  if (auto tidied = tidy(context.places.work); !tidied) return tidied.error();
  return launch_node(context, *project);
}

}  // namespace unik::runtimes
