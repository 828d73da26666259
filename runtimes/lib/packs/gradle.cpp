// Gradle: build.gradle or build.gradle.kts, by the gradle on PATH: a wrapper would fetch another, which nothing pins.
#include <regex>

#include "runtimes/lib/packs/java_program.hpp"
#include "runtimes/lib/packs/packs.hpp"

namespace unik::runtimes {
namespace {

constexpr const char* kInit = ".unikctl-init.gradle";

std::string build_file(const SourceTree& source) {
  for (const char* file : {"build.gradle", "build.gradle.kts"})
    if (source.has(file)) return file;
  return "";
}

std::optional<Evidence> detect_gradle(const SourceTree& source) {
  const std::string file = build_file(source);
  if (file.empty()) return std::nullopt;
  return Evidence{file};
}

std::vector<ToolNeed> tools_gradle(const PackContext& context) {
  return {jdk_tool(context), {"gradle", {"gradle"}, {"--version", "--quiet"}, "", "apt-get install gradle"}};
}

// Libraries of a repository: `implementation 'group:name:version'`.
bool has_dependencies_gradle(const PackContext& context) {
  static const std::regex library(
      R"((implementation|api|compile|runtimeOnly|runtime|compileOnly)[\s(]+['"][^'"]+:[^'"]+)");
  return std::regex_search(context.source.text_or_empty(build_file(context.source)), library);
}

// Archives without times and in one order, and the libraries of the run beside them.
std::string init_script(const PackContext& context) {
  return "allprojects {\n"
         "  tasks.withType(AbstractArchiveTask) {\n"
         "    preserveFileTimestamps = false\n"
         "    reproducibleFileOrder = true\n"
         "  }\n"
         "  plugins.withId('java') {\n"
         "    task unikctlLibraries(type: Copy, dependsOn: 'jar') {\n"
         "      from configurations.runtimeClasspath\n"
         "      into '" +
         (context.places.app / "lib").string() +
         "'\n"
         "    }\n"
         "  }\n"
         "}\n";
}

Result<BuildPlan> plan_gradle(const PackContext& context) {
  BuildPlan plan;
  const bool release = context.mode == BuildMode::kRelease;
  if (has_dependencies_gradle(context)) {
    for (const char* lock : {"gradle.lockfile", "gradle/verification-metadata.xml"})
      if (context.source.has(lock)) plan.lock = lock;
    if (plan.lock.empty() && release)
      return in_source(context, build_file(context.source), "no_lock",
                       "want gradle/verification-metadata.xml or gradle.lockfile, which pin what it requires, found "
                       "none; run `gradle --write-verification-metadata sha256 build` and commit it");
  }
  plan.files[kInit] = init_script(context);
  plan.steps.push_back({"package",
                        {context.tools.at("gradle").program.string(), "--no-daemon", "--console=plain", "-g",
                         context.places.cache.string(), "-I", kInit, "assemble", "unikctlLibraries"},
                        {}});
  plan.deterministic = release;
  return plan;
}

Result<Launch> finish_gradle(const PackContext& context) {
  const std::vector<std::string> classes = main_classes(context.source);
  return launch_jar(context, build_file(context.source), classes.size() == 1 ? classes.front() : "");
}

}  // namespace

const Pack kGradlePack = {"gradle",      "java",       "java",      "build.gradle",
                          detect_gradle, tools_gradle, plan_gradle, finish_gradle};

}  // namespace unik::runtimes
