#include "runtimes/lib/packs/node_entry.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/packs/static_site.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr Bytes kMaxPackageJson = mebibytes(4);
constexpr std::string_view kNeedsShell = "&|;<>$`()*?\"'\\{}\n";
constexpr std::string_view kServerNames[] = {"server", "app", "index", "main"};
constexpr std::string_view kScriptEndings[] = {".js", ".mjs", ".cjs"};
// Their `start` serves sources to a developer; what runs elsewhere is what their build leaves.
const std::set<std::string> kDevelopmentServers = {"react-scripts", "ng",       "vite",     "astro",
                                                   "parcel",        "webpack",  "gatsby",   "webpack-dev-server",
                                                   "docusaurus",    "eleventy", "vitepress"};

Error no_entry(const PackContext& context, const std::string& text) {
  const char* file = context.source.has("package.json") ? "package.json" : "unik.yaml";
  return in_source(context, file, "no_entry_point",
                   text + R"(; name it by run.command in unik.yaml, as in ["node", "server.js"])");
}

// `NAME=VALUE node server.js` in words; environment goes where it belongs.
NodeEntry split_start(const std::string& start) {
  NodeEntry entry;
  std::istringstream words(start);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (entry.command.empty() && equals != std::string::npos && equals > 0)
      entry.environment[word.substr(0, equals)] = word.substr(equals + 1);
    else
      entry.command.push_back(word);
  }
  return entry;
}

// The script among node's own arguments, as node would find it.
bool script_is_there(const std::vector<std::string>& command, const std::function<bool(const std::string&)>& has) {
  for (std::size_t i = 1; i < command.size(); ++i) {
    if (command[i].starts_with("-")) continue;
    const std::string path = fs::path(command[i]).lexically_normal().string();
    return has(path) || has(path + ".js") || has(path + "/index.js") || command[i - 1].starts_with("-");
  }
  return false;
}

bool is_development_server(const NodeProject& project) {
  const NodeEntry entry = split_start(project.start);
  return project.builds && !entry.command.empty() && kDevelopmentServers.contains(entry.command.front());
}

Result<NodeEntry> entry_of_start(const PackContext& context, const NodeProject& project,
                                 const std::function<bool(const std::string&)>& has) {
  if (project.start.find_first_of(kNeedsShell) != std::string::npos)
    return no_entry(context, "scripts.start: want one plain command, found `" + project.start +
                                 "`, which needs a shell, and a unikernel has none");
  NodeEntry entry = split_start(project.start);
  if (entry.command.empty()) return no_entry(context, "scripts.start: want a command, found none");
  if (entry.command.front() == "node" && !script_is_there(entry.command, has))
    return no_entry(context, "scripts.start: want the file that `" + project.start + "` names, found none");
  return entry;
}

// The dependency that brings the program `name`, as `node FILE`.
std::optional<std::string> program_of_dependency(const PackContext& context, const NodeProject& project,
                                                 const std::string& name) {
  for (const auto& [package, range] : project.dependencies) {
    const fs::path place = fs::path("node_modules") / package;
    const auto text = read_file(context.places.work / place / "package.json", kMaxPackageJson);
    const json object = text ? json::parse(*text, nullptr, false) : json();
    if (!object.is_object()) continue;
    const json bin = object.value("bin", json());
    const std::string own = package.substr(package.find('/') + 1);  // npos + 1 == 0: no scope, the whole name
    if (bin.is_string() && own == name) return (place / bin.get<std::string>()).lexically_normal().string();
    if (bin.is_object() && bin.contains(name) && bin[name].is_string())
      return (place / bin[name].get<std::string>()).lexically_normal().string();
  }
  return std::nullopt;
}

// A path, node itself, or a program that a dependency brings.
Result<std::vector<std::string>> guest_node_command(const PackContext& context, const NodeProject& project,
                                                    std::vector<std::string> command) {
  const std::string name = command.front();
  if (name == "node" || name.find('/') != std::string::npos) return command;
  const auto program = program_of_dependency(context, project, name);
  if (!program) {
    if (!context.recipe.run_command.empty()) return command;  // it may be the runtime's own
    return no_entry(context, "scripts.start: want `node FILE` or a program of a dependency, found `" + name + "`");
  }
  command.front() = "/app/" + *program;
  command.insert(command.begin(), "node");
  return command;
}

}  // namespace

Result<NodeEntry> find_node_entry(const PackContext& context, const NodeProject& project,
                                  const std::function<bool(const std::string&)>& has) {
  if (!context.recipe.run_command.empty()) return NodeEntry{context.recipe.run_command, {}};
  if (!project.start.empty() && !is_development_server(project)) return entry_of_start(context, project, has);
  if (!project.main.empty()) {
    const std::string main = fs::path(project.main).lexically_normal().string();
    for (const std::string& path : {main, main + ".js", main + "/index.js"})
      if (has(path)) return NodeEntry{{"node", path}, {}};
  }
  for (const std::string_view name : kServerNames)
    for (const std::string_view ending : kScriptEndings)
      if (const std::string file = std::string(name) + std::string(ending); has(file))
        return NodeEntry{{"node", file}, {}};
  return no_entry(context,
                  "want a script `start`, `main`, or one of server.js, app.js, index.js and main.js, found none");
}

Result<Launch> launch_node(const PackContext& context, const NodeProject& project) {
  const auto has = [&](const std::string& path) {
    std::error_code error;
    return fs::is_regular_file(context.places.work / path, error);
  };
  auto entry = find_node_entry(context, project, has);
  const bool develops = is_development_server(project);
  const bool may_be_site = project.builds && context.recipe.run_command.empty() && (project.start.empty() || develops);
  if (!entry && !may_be_site) return std::move(entry).error();
  if (may_be_site && (!entry || develops)) {
    if (auto site = find_static_site(context)) return launch_static_site(context, *site);
    return no_entry(context, "want a server, or index.html in one of " + static_site_places() +
                                 " after the script `build`, found neither");
  }
  auto command = guest_node_command(context, project, std::move(entry->command));
  if (!command) return std::move(command).error();
  Launch launch{context.places.work, *std::move(command), std::move(entry->environment)};
  launch.environment.emplace("NODE_ENV", "production");
  if (context.mode == BuildMode::kDebug) launch.environment.emplace("NODE_OPTIONS", "--enable-source-maps");
  return launch;
}

}  // namespace unik::runtimes
