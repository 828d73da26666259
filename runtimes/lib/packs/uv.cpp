// uv: uv.lock, read here and installed by pip, so that uv itself need not be there.
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/python_locks.hpp"
#include "runtimes/lib/packs/python_project.hpp"

namespace unik::runtimes {
namespace {

constexpr const char* kLock = "uv.lock";

std::optional<Evidence> detect(const SourceTree& source) {
  if (!source.has(kLock)) return std::nullopt;
  return Evidence{kLock};
}

std::vector<ToolNeed> tools(const PackContext& context) {
  return python_tools(context, true);
}

Result<BuildPlan> plan(const PackContext& context) {
  if (auto one = check_one_python_lock(context); !one) return one.error();
  auto lines = requirements_of_uv(context.source.text_or_empty(kLock), python_version(context));
  if (!lines) return in_source(context, kLock, lines.error().reason.c_str(), lines.error().message);
  return plan_python(context, requirements_from(kLock, *lines));
}

}  // namespace

const Pack kUvPack = {"uv", "python", "python", "uv.lock", detect, tools, plan, finish_python};

}  // namespace unik::runtimes
