// Poetry: poetry.lock, read here and installed by pip, so that Poetry itself need not be there.
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/python_locks.hpp"
#include "runtimes/lib/packs/python_project.hpp"

namespace unik::runtimes {
namespace {

constexpr const char* kPoetryLock = "poetry.lock";
constexpr const char* kProject = "pyproject.toml";

std::optional<Evidence> detect_poetry(const SourceTree& source) {
  if (!source.has(kPoetryLock) || !source.has(kProject)) return std::nullopt;
  return Evidence{kPoetryLock};
}

std::vector<ToolNeed> tools_poetry(const PackContext& context) {
  return python_tools(context, true);
}

Result<BuildPlan> plan_poetry(const PackContext& context) {
  auto lines = requirements_of_poetry(context.source.text_or_empty(kPoetryLock), context.source.text_or_empty(kProject),
                                      python_version(context));
  if (!lines) return in_source(context, kPoetryLock, lines.error().reason.c_str(), lines.error().message);
  return plan_python(context, requirements_from(kPoetryLock, *lines));
}

}  // namespace

const Pack kPoetryPack = {"poetry",     "python",    "python",      "poetry.lock",        detect_poetry,
                          tools_poetry, plan_poetry, finish_python, check_one_python_lock};

}  // namespace unik::runtimes
