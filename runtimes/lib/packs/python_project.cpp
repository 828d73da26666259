#include "runtimes/lib/packs/python_project.hpp"

#include <algorithm>

#include "runtimes/lib/packs/python_entry.hpp"
#include "runtimes/lib/packs/requirements_text.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMadeRequirements = ".unikctl-requirements.txt";

// Files that do not compile (templates, tests of parsers) stay sources: Python says so when one of them is imported.
constexpr const char* kCompile =
    "import compileall, sys; compileall.compile_dir(sys.argv[1], quiet=1, stripdir=sys.argv[1], prependdir='/app', "
    "invalidation_mode=compileall.py_compile.PycInvalidationMode.UNCHECKED_HASH)";

// Of the runtime, as far as its files' format goes: `3.11`.
std::string minor_version(const PackContext& context) {
  const auto it = context.provides.find("python");
  if (it == context.provides.end()) return "3";
  const std::size_t dot = it->second.find('.');
  return it->second.substr(0, dot == std::string::npos ? dot : it->second.find('.', dot + 1));
}

BuildStep install_step(const PackContext& context, const PythonRequirements& requirements) {
  BuildStep step{"install", {context.tools.at("pip").program.string(), "-m", "pip", "install"}, {}};
  if (!requirements.lock.empty()) step.args.insert(step.args.end(), {"--require-hashes", "--no-deps"});
  step.args.insert(step.args.end(), {"--only-binary=:all:", "--no-compile", "--no-input", "--no-warn-script-location",
                                     "--disable-pip-version-check", "--root-user-action=ignore", "--cache-dir",
                                     context.places.cache.string(), "--target",
                                     (context.places.work / kSitePackages).string(), "-r", requirements.file});
  return step;
}

// A program that a package brought is started by the guest's Python, not by the path of the one that installed it.
std::vector<std::string> guest_python_command(const PackContext& context, std::vector<std::string> command) {
  const fs::path programs = context.places.work / kSitePackages / "bin";
  std::error_code error;
  std::string& first = command.front();
  const bool brought = first.find('/') == std::string::npos && fs::is_regular_file(programs / first, error);
  if (brought) first = "/app/" + std::string(kSitePackages) + "/bin/" + first;
  if (brought || first.ends_with(".py")) command.insert(command.begin(), "python3");
  if (!brought) fs::remove_all(programs, error);
  return command;
}

}  // namespace

PythonRequirements requirements_from(const std::string& lock, const std::vector<std::string>& lines) {
  PythonRequirements requirements{lock, "", ""};
  if (lines.empty()) return requirements;
  requirements.file = kMadeRequirements;
  for (const std::string& line : lines) requirements.text += line + "\n";
  return requirements;
}

std::vector<ToolNeed> python_tools(const PackContext& context, bool installs) {
  const std::string minor = minor_version(context);
  const std::vector<std::string> programs = {"python" + minor, "python3"};
  std::vector<ToolNeed> needs = {
      {"python", programs, {"--version"}, "Python " + minor + ".", "apt-get install python3"}};
  if (installs) needs.push_back({"pip", programs, {"-m", "pip", "--version"}, "pip ", "apt-get install python3-pip"});
  return needs;
}

std::string python_version(const PackContext& context) {
  const auto tool = context.tools.find("python");
  constexpr std::string_view kPrefix = "Python ";
  if (tool != context.tools.end() && tool->second.version.starts_with(kPrefix))
    return tool->second.version.substr(kPrefix.size());
  return minor_version(context) + ".0";
}

Result<void> check_one_python_lock(const PackContext& context) {
  const SourceTree& source = context.source;
  std::vector<std::string> found;
  for (const char* lock : {"uv.lock", "poetry.lock"})
    if (source.has(lock)) found.push_back(lock);
  const std::string requirements = source.text_or_empty("requirements.txt");
  if (requirements.find("--hash=") != std::string::npos && is_hashed(requirements))
    found.push_back("requirements.txt with hashes");
  if (found.size() < 2) return {};
  std::string names;
  for (const std::string& lock : found) names += (names.empty() ? "" : " and ") + lock;
  return in_source(context, source.has("pyproject.toml") ? "pyproject.toml" : "requirements.txt", "ambiguous_lock",
                   "want one lock beside it, found " + names + "; remove those that are not used");
}

Result<BuildPlan> plan_python(const PackContext& context, const PythonRequirements& requirements) {
  if (auto entry = find_python_entry(context); !entry) return std::move(entry).error();
  BuildPlan plan;
  plan.lock = requirements.lock;
  plan.deterministic = context.mode == BuildMode::kRelease;
  if (!requirements.file.empty()) {
    if (!requirements.text.empty()) plan.files[requirements.file] = requirements.text;
    plan.steps.push_back(install_step(context, requirements));
  }
  // The order of sets shows in compiled files, and hangs on the seed.
  plan.steps.push_back({"compile",
                        {context.tools.at("python").program.string(), "-c", kCompile, context.places.work.string()},
                        {{"PYTHONHASHSEED", "0"}}});
  return plan;
}

Result<Launch> finish_python(const PackContext& context) {
  auto entry = find_python_entry(context);
  if (!entry) return std::move(entry).error();
  const fs::path& work = context.places.work;
  std::error_code error;
  fs::remove(work / kMadeRequirements, error);
  std::string path = "/app/" + std::string(kSitePackages);
  if (fs::is_directory(work / "src", error)) path = "/app/src:" + path;
  Launch launch{work, guest_python_command(context, *std::move(entry)), {}};
  launch.environment = {{"PYTHONDONTWRITEBYTECODE", "1"}, {"PYTHONPATH", path}, {"PYTHONUNBUFFERED", "1"}};
  if (context.mode == BuildMode::kDebug) launch.environment["PYTHONFAULTHANDLER"] = "1";
  return launch;
}

}  // namespace unik::runtimes
