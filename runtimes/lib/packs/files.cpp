// Files that nothing has to be done with; what lies beside them goes along. Either unik.yaml says what is started, and
// names the language, whose runtime they stand on, or the runtime itself; or a jar among them says its main class.
#include "runtimes/lib/packs/java_program.hpp"
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

std::optional<Evidence> detect_jar(const SourceTree& source) {
  const auto jars = source.files_in("", ".jar");
  if (jars.empty()) return std::nullopt;
  return Evidence{jars.front(), false};
}

// The only one that says its main class, unless the recipe says what is started.
Result<Launch> finish_jar(const PackContext& context) {
  if (!context.recipe.run_command.empty()) return Launch{context.places.work, context.recipe.run_command, {}};
  std::string programs;
  std::size_t count = 0;
  for (const std::string& jar : context.source.files_in("", ".jar")) {
    const auto main_class = main_class_of_jar(context.places.work / jar);
    if (!main_class) return main_class.error();
    if (main_class->empty()) continue;
    programs += (programs.empty() ? "" : ", ") + jar;
    ++count;
  }
  if (count == 1) return Launch{context.places.work, {"java", "-jar", "/app/" + programs}, {}};
  return in_source(context, detect_jar(context.source)->file, "no_entry_point",
                   "want one jar whose manifest has a Main-Class, found " +
                       (count == 0 ? "none" : "several: " + programs) +
                       "; choose what is started by run.command in unik.yaml, as in [\"java\", \"-cp\", \"/app/*\", "
                       "\"Main\"]");
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
const Pack kJarPack = {"jar", "java", "java", "*.jar", detect_jar, no_tools, plan_files, finish_jar};

}  // namespace unik::runtimes
