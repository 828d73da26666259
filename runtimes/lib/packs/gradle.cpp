// Gradle: build.gradle or build.gradle.kts, by the gradle on PATH: a wrapper would fetch another, which nothing pins.
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

// `'group:name:version'`, perhaps in brackets, at the beginning of `text`.
bool begins_with_library(std::string_view text) {
  constexpr std::string_view kQuotes = "'\"";
  const std::size_t begin = text.find_first_not_of(" \t\r\n(");
  if (begin == 0 || begin == std::string_view::npos || kQuotes.find(text[begin]) == std::string_view::npos)
    return false;
  const std::size_t end = text.find_first_of(kQuotes, begin + 1);
  const std::size_t colon = text.find(':', begin + 1);
  return end != std::string_view::npos && colon < end && colon > begin + 1 && colon + 1 < end;
}

// Libraries of a repository: `implementation 'group:name:version'`.
bool has_dependencies_gradle(const PackContext& context) {
  const std::string text = context.source.text_or_empty(build_file(context.source));
  for (const std::string_view word : {"implementation", "api", "compile", "runtimeOnly", "runtime", "compileOnly"})
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
      if (begins_with_library(std::string_view(text).substr(at + word.size()))) return true;
  return false;
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
