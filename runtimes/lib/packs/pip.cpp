// pip: requirements.txt with hashes; or no lock at all for what needs the standard library alone.
#include <nlohmann/json.hpp>

#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/python_project.hpp"
#include "runtimes/lib/packs/requirements_text.hpp"
#include "runtimes/lib/packs/toml_document.hpp"

namespace unik::runtimes {
namespace {

using nlohmann::json;

constexpr std::string_view kRequirements = "requirements.txt";

std::optional<Evidence> detect_pip(const SourceTree& source) {
  for (const char* file : {"requirements.txt", "pyproject.toml", "Pipfile", "setup.py"})
    if (source.has(file)) return Evidence{file};
  const auto files = source.files_in("", ".py");
  if (files.empty()) return std::nullopt;
  return Evidence{files.front(), false};
}

bool names_any(const std::string& requirements) {
  std::string first;
  return requirements.find("--hash=") != std::string::npos || !is_hashed(requirements, &first);
}

// Whether pyproject.toml, setup.py, setup.cfg or a Pipfile ask for packages: the file that does.
Result<std::string> asking_file(const PackContext& context) {
  const SourceTree& source = context.source;
  if (source.has("pyproject.toml")) {
    const auto text = toml_as_json(source.text_or_empty("pyproject.toml"));
    if (!text) return in_source(context, "pyproject.toml", "bad_project", text.error().message);
    const json document = json::parse(*text, nullptr, false);
    const json project = document.value("/project/dependencies"_json_pointer, json::array());
    json poetry = document.value("/tool/poetry/dependencies"_json_pointer, json::object());
    if (poetry.is_object()) poetry.erase("python");
    if (!project.empty() || !poetry.empty()) return std::string("pyproject.toml");
  }
  if (source.has("Pipfile")) return std::string("Pipfile");
  for (const char* file : {"setup.py", "setup.cfg"})
    if (source.text_or_empty(file).find("install_requires") != std::string::npos) return std::string(file);
  return std::string();
}

std::string mend_of(const std::string& file) {
  if (file == "Pipfile") return "run `pipenv requirements --hash > requirements.txt` and commit it";
  return "run `uv lock`, `poetry lock`, or `pip-compile --generate-hashes -o requirements.txt " + file +
         "`, and commit what it writes";
}

std::vector<ToolNeed> tools_pip(const PackContext& context) {
  const auto asking = asking_file(context);
  return python_tools(context, names_any(context.source.text_or_empty(kRequirements)) || (asking && !asking->empty()));
}

Result<void> check_pip(const PackContext& context) {
  if (auto one = check_one_python_lock(context); !one) return one;
  return check_requirements(context, std::string(kRequirements));
}

Result<BuildPlan> plan_pip(const PackContext& context) {
  const bool release = context.mode == BuildMode::kRelease;
  const std::string text = context.source.text_or_empty(kRequirements);
  if (names_any(text)) {
    std::string first;
    const bool hashed = is_hashed(text, &first);
    if (!hashed && release)
      return in_source(context, kRequirements, "unhashed_lock",
                       "want `--hash=sha256:…` of every requirement, found `" + first +
                           "`; keep these lines as requirements.in and run `pip-compile --generate-hashes`");
    const std::string file(kRequirements);
    return plan_python(context, {hashed ? file : "", file, ""});
  }
  auto asking = asking_file(context);
  if (!asking) return std::move(asking).error();
  if (asking->empty()) return plan_python(context, {});
  // In a debug build too: pip is given a file of requirements, and there is none.
  return in_source(context, *asking, "no_lock",
                   "want uv.lock, poetry.lock or a requirements.txt with hashes beside it, which pins what it "
                   "requires, found none; " +
                       mend_of(*asking));
}

}  // namespace

const Pack kPipPack = {"pip",      "python",  "python", "requirements.txt, pyproject.toml or *.py",
                       detect_pip, tools_pip, plan_pip, finish_python,
                       check_pip};

}  // namespace unik::runtimes
