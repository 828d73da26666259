// Files that nothing has to be done with: unik.yaml says what is started, and names the language, whose runtime they
// stand on, or the runtime itself.
#include "runtimes/lib/packs/packs.hpp"

namespace unik::runtimes {
namespace {

std::vector<ToolNeed> no_tools(const PackContext&) {
  return {};
}

Result<BuildPlan> plan_files(const PackContext& context) {
  BuildPlan plan;
  plan.deterministic = context.mode == BuildMode::kRelease;
  return plan;
}

Result<Launch> finish_files(const PackContext& context) {
  return Launch{context.places.work, context.recipe.run_command, {}};
}

constexpr Pack files_of(std::string_view language) {
  return {"files", language, language,   "any file, with run.command in unik.yaml",
          nullptr, no_tools, plan_files, finish_files};
}

}  // namespace

const Pack kPythonFilesPack = files_of("python");
const Pack kNodeFilesPack = files_of("nodejs");
const Pack kJavaFilesPack = files_of("java");
const Pack kFilesPack = files_of("");

}  // namespace unik::runtimes
