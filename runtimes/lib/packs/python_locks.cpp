#include "runtimes/lib/packs/python_locks.hpp"

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "runtimes/lib/oci/json_text.hpp"
#include "runtimes/lib/packs/python_markers.hpp"
#include "runtimes/lib/packs/toml_document.hpp"

namespace unik::runtimes {
namespace {

using nlohmann::json;

struct Requirement {
  std::string name;
  std::string version;  // of one of several packages of this name; empty: any
  std::string marker;
  std::vector<std::string> extras;
};

struct LockedPackage {
  std::string name;
  std::string version;
  std::string marker;
  std::vector<std::string> hashes;
  std::vector<Requirement> requires_;
  std::map<std::string, std::vector<Requirement>> extras;
};

using LockedPackages = std::vector<LockedPackage>;

Result<json> read_toml(std::string_view text) {
  auto converted = toml_as_json(text);
  if (!converted) return std::move(converted).error();
  return json::parse(*converted, nullptr, false);
}

const json& member(const json& object, const std::string& key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto it = object.find(key);
  return it == object.end() ? nothing : *it;
}

// Those of an array of texts.
std::vector<std::string> texts(const json& array) {
  std::vector<std::string> found;
  if (array.is_array())
    for (const json& item : array)
      if (item.is_string()) found.push_back(item.get<std::string>());
  return found;
}

// `PySocks[x,y] (>=1.5) ; python_version > "3"`: the name, the extras and the marker.
Requirement parse_requirement(const std::string& text) {
  Requirement requirement;
  const std::size_t end = std::min(text.find_first_of(" [(<>=!~;@"), text.size());
  requirement.name = normal_name(text.substr(0, end));
  if (end < text.size() && text[end] == '[') {
    std::string inside = text.substr(end + 1, text.find(']', end) - end - 1), extra;
    for (const char c : inside + ",")
      if (c != ',')
        extra += c == ' ' ? "" : std::string(1, c);
      else if (!extra.empty())
        requirement.extras.push_back(std::exchange(extra, ""));
  }
  if (const std::size_t semicolon = text.find(';'); semicolon != std::string::npos)
    requirement.marker = text.substr(semicolon + 1);
  return requirement;
}

const LockedPackage* find_package(const LockedPackages& packages, const Requirement& wanted,
                                  const std::string& python) {
  for (const LockedPackage& package : packages)
    if (package.name == wanted.name && (wanted.version.empty() || wanted.version == package.version) &&
        marker_holds(package.marker, python))
      return &package;
  return nullptr;
}

// Breadth first from what the project itself requires.
Result<std::vector<std::string>> reachable(const LockedPackages& packages, const std::vector<Requirement>& roots,
                                           const std::string& python) {
  std::deque<Requirement> waiting(roots.begin(), roots.end());
  std::set<std::pair<std::string, std::string>> seen;  // package and extra
  std::set<std::string> lines;
  while (!waiting.empty()) {
    const Requirement wanted = std::move(waiting.front());
    waiting.pop_front();
    if (!marker_holds(wanted.marker, python)) continue;
    const LockedPackage* package = find_package(packages, wanted, python);
    if (package == nullptr)
      return invalid("bad_lock", "want " + wanted.name + ", which is required, found no such package; lock again");
    if (package->hashes.empty())
      return invalid("unhashed_lock", "want " + package->name +
                                          " of a package index, with its hashes, found it without; publish it there, "
                                          "or copy its sources into the project");
    for (const std::string& extra : wanted.extras)
      if (seen.emplace(package->name, extra).second)
        if (const auto it = package->extras.find(extra); it != package->extras.end())
          waiting.insert(waiting.end(), it->second.begin(), it->second.end());
    if (!seen.emplace(package->name, "").second) continue;
    waiting.insert(waiting.end(), package->requires_.begin(), package->requires_.end());
    std::string line = package->name + "==" + package->version;
    for (const std::string& hash : package->hashes) line += " --hash=" + hash;
    lines.insert(std::move(line));
  }
  return std::vector<std::string>(lines.begin(), lines.end());
}

// ---- uv.lock ----

std::vector<Requirement> uv_requirements(const json& array) {
  std::vector<Requirement> found;
  if (!array.is_array()) return found;
  for (const json& item : array) {
    if (!item.is_object()) continue;
    found.push_back({normal_name(text_member(item, "name")), text_member(item, "version"), text_member(item, "marker"),
                     texts(member(item, "extra"))});
  }
  return found;
}

LockedPackage uv_package(const json& object) {
  LockedPackage package;
  package.name = normal_name(text_member(object, "name"));
  package.version = text_member(object, "version");
  package.requires_ = uv_requirements(member(object, "dependencies"));
  if (const json& optional = member(object, "optional-dependencies"); optional.is_object())
    for (const auto& [extra, array] : optional.items()) package.extras[extra] = uv_requirements(array);
  if (text_member(member(object, "source"), "registry").empty()) return package;  // what pip cannot ask an index for
  if (const std::string hash = text_member(member(object, "sdist"), "hash"); !hash.empty())
    package.hashes.push_back(hash);
  if (const json& wheels = member(object, "wheels"); wheels.is_array())
    for (const json& wheel : wheels)
      if (const std::string hash = text_member(wheel, "hash"); !hash.empty()) package.hashes.push_back(hash);
  return package;
}

bool is_the_project(const json& object) {
  const json& source = member(object, "source");
  return text_member(source, "virtual") == "." || text_member(source, "editable") == ".";
}

// ---- poetry.lock ----

// The value of a dependency: a range, a table, or several of either for several markers.
void add_poetry_requirements(std::vector<Requirement>& found, const std::string& name, const json& value) {
  if (value.is_array()) {
    for (const json& one : value) add_poetry_requirements(found, name, one);
    return;
  }
  if (value.is_object() && member(value, "optional") == json(true)) return;  // asked for by an extra alone
  std::string marker = text_member(value, "markers");
  found.push_back({normal_name(name), "", std::move(marker), texts(member(value, "extras"))});
}

LockedPackage poetry_package(const json& object) {
  LockedPackage package;
  package.name = normal_name(text_member(object, "name"));
  package.version = text_member(object, "version");
  package.marker = text_member(object, "markers");
  if (const json& required = member(object, "dependencies"); required.is_object())
    for (const auto& [name, value] : required.items()) add_poetry_requirements(package.requires_, name, value);
  if (const json& extras = member(object, "extras"); extras.is_object())
    for (const auto& [extra, array] : extras.items())
      for (const std::string& text : texts(array)) package.extras[extra].push_back(parse_requirement(text));
  const std::string type = text_member(member(object, "source"), "type");
  if (!type.empty() && type != "legacy") return package;  // of Git, a path or a URL
  if (const json& files = member(object, "files"); files.is_array())
    for (const json& file : files)
      if (const std::string hash = text_member(file, "hash"); !hash.empty()) package.hashes.push_back(hash);
  return package;
}

std::vector<Requirement> poetry_roots(const json& pyproject) {
  std::vector<Requirement> roots;
  for (const std::string& text : texts(member(member(pyproject, "project"), "dependencies")))
    roots.push_back(parse_requirement(text));
  if (const json& own = member(member(member(pyproject, "tool"), "poetry"), "dependencies"); own.is_object())
    for (const auto& [name, value] : own.items())
      if (name != "python") add_poetry_requirements(roots, name, value);
  return roots;
}

}  // namespace

std::string normal_name(std::string_view name) {
  std::string normal;
  for (const char c : name) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (separator && !normal.empty() && normal.back() == '-') continue;
    normal += separator ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return normal;
}

Result<std::vector<std::string>> requirements_of_uv(std::string_view lock, const std::string& python) {
  auto document = read_toml(lock);
  if (!document) return std::move(document).error();
  LockedPackages packages;
  std::vector<Requirement> roots;
  bool found_project = false;
  if (const json& listed = member(*document, "package"); listed.is_array())
    for (const json& object : listed) {
      packages.push_back(uv_package(object));
      if (!is_the_project(object)) continue;
      found_project = true;
      roots = packages.back().requires_;
    }
  if (!found_project)
    return invalid("bad_lock", "want the project itself among the packages, found it not; run `uv lock` again");
  return reachable(packages, roots, python);
}

Result<std::vector<std::string>> requirements_of_poetry(std::string_view lock, std::string_view pyproject,
                                                        const std::string& python) {
  auto document = read_toml(lock);
  if (!document) return std::move(document).error();
  auto project = read_toml(pyproject);
  if (!project) return std::move(project).error();
  LockedPackages packages;
  if (const json& listed = member(*document, "package"); listed.is_array())
    for (const json& object : listed) packages.push_back(poetry_package(object));
  return reachable(packages, poetry_roots(*project), python);
}

}  // namespace unik::runtimes
