#include "runtimes/lib/packs/python_entry.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtimes/lib/packs/toml_document.hpp"

namespace unik::runtimes {
namespace {

using nlohmann::json;

constexpr std::string_view kFiles[] = {"__main__.py", "main.py", "app.py", "server.py", "run.py"};

bool is_name(const std::string& text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") ==
                              std::string::npos;
}

bool has_module(const SourceTree& source, std::string module) {
  std::replace(module.begin(), module.end(), '.', '/');
  for (const std::string root : {"", "src/"})
    for (const char* ending : {".py", "/__init__.py"})
      if (source.has(root + module + ending)) return true;
  return false;
}

// The only one of `[project.scripts]` or `[tool.poetry.scripts]`: `NAME = "module:function"`.
std::optional<std::vector<std::string>> declared_script(const SourceTree& source) {
  const auto text = toml_as_json(source.text_or_empty("pyproject.toml"));
  const json document = text ? json::parse(*text, nullptr, false) : json();
  for (const char* place : {"/project/scripts", "/tool/poetry/scripts"}) {
    const json::json_pointer pointer(place);
    if (!document.contains(pointer)) continue;
    const json& scripts = document[pointer];
    if (!scripts.is_object() || scripts.size() != 1 || !scripts.begin()->is_string()) continue;
    const std::string target = scripts.begin()->get<std::string>();
    const std::size_t colon = target.find(':');
    if (colon == std::string::npos) continue;
    const std::string module = target.substr(0, colon), function = target.substr(colon + 1);
    if (!is_name(module) || !is_name(function) || !has_module(source, module)) continue;
    const std::string top = function.substr(0, function.find('.'));
    return std::vector<std::string>{"python3", "-c",
                                    "import sys; from " + module + " import " + top + "; sys.exit(" + function + "())"};
  }
  return std::nullopt;
}

std::vector<std::string> runnable_packages(const SourceTree& source) {
  std::vector<std::string> found;
  for (const char* root : {"", "src"})
    for (const std::string& directory : source.directories_in(root))
      if (source.has(directory + "/__main__.py")) found.push_back(directory.substr(directory.rfind('/') + 1));
  return found;
}

}  // namespace

Result<std::vector<std::string>> find_python_entry(const PackContext& context) {
  const SourceTree& source = context.source;
  if (!context.recipe.run_command.empty()) return context.recipe.run_command;
  if (auto script = declared_script(source)) return *std::move(script);
  for (const std::string_view file : kFiles)
    if (source.has(file)) return std::vector<std::string>{"python3", std::string(file)};
  const std::vector<std::string> packages = runnable_packages(source);
  if (packages.size() == 1) return std::vector<std::string>{"python3", "-m", packages.front()};
  std::vector<std::string> files = source.files_in("", ".py");
  std::erase(files, "setup.py");
  if (packages.empty() && files.size() == 1) return std::vector<std::string>{"python3", files.front()};
  std::string found;
  files.insert(files.begin(), packages.begin(), packages.end());
  for (const std::string& name : files) found += (found.empty() ? "" : ", ") + name;
  const char* const file = source.has("pyproject.toml")     ? "pyproject.toml"
                           : source.has("requirements.txt") ? "requirements.txt"
                                                            : "unik.yaml";
  return in_source(context, file, "no_entry_point",
                   "want main.py, app.py, server.py, run.py, one package with __main__.py, or one script in "
                   "pyproject.toml, found " +
                       (found.empty() ? "none" : found) +
                       R"(; name it by run.command in unik.yaml, as in ["python3", "serve.py"])");
}

}  // namespace unik::runtimes
