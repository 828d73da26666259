// uv: uv.lock, read here and installed by pip, so that uv itself need not be there.
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/python_locks.hpp"
#include "runtimes/lib/packs/python_project.hpp"

namespace unik::runtimes {
namespace {

constexpr const char* kUvLock = "uv.lock";

std::optional<Evidence> detect_uv(const SourceTree& source) {
  if (!source.has(kUvLock)) return std::nullopt;
  return Evidence{kUvLock};
}

std::vector<ToolNeed> tools_uv(const PackContext& context) {
  return python_tools(context, true);
}

Result<BuildPlan> plan_uv(const PackContext& context) {
  auto lines = requirements_of_uv(context.source.text_or_empty(kUvLock), python_version(context));
  if (!lines) return in_source(context, kUvLock, lines.error().reason.c_str(), lines.error().message);
  return plan_python(context, requirements_from(kUvLock, *lines));
}

}  // namespace

const Pack kUvPack = {
    "uv", "python", "python", "uv.lock", detect_uv, tools_uv, plan_uv, finish_python, check_one_python_lock};

}  // namespace unik::runtimes
