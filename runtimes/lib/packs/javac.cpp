// Java sources without a build tool: javac and jar, with the jars of lib/ as libraries.
#include "runtimes/lib/packs/java_program.hpp"
#include "runtimes/lib/packs/packs.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSourceList = ".unikctl-sources.txt";

std::optional<Evidence> detect_javac(const SourceTree& source) {
  const auto files = source.files_below(".java");
  if (files.empty()) return std::nullopt;
  return Evidence{files.front(), false};
}

std::vector<ToolNeed> tools_javac(const PackContext& context) {
  // --date came with 17.
  return {jdk_tool(context), {"jar", {"jar"}, {"--version"}, "jar ", "apt-get install openjdk-17-jdk-headless"}};
}

// Sources, not tests.
std::vector<std::string> sources(const PackContext& context) {
  std::vector<std::string> found;
  for (const std::string& path : context.source.files_below(".java"))
    if (!path.starts_with("test/") && !path.starts_with("src/test/")) found.push_back(path);
  return found;
}

Result<std::string> find_main_class(const PackContext& context) {
  const std::vector<std::string> classes = main_classes(context.source);
  if (classes.size() == 1) return classes.front();
  if (!context.recipe.run_command.empty()) return std::string();
  std::string names;
  for (const std::string& name : classes) names += (names.empty() ? "" : ", ") + name;
  return in_source(
      context, detect_javac(context.source)->file, "no_entry_point",
      "want one class with `static void main`, found " + (names.empty() ? "none" : "several: " + names) +
          "; choose one by run.command in unik.yaml, as in [\"java\", \"-cp\", \"/app/app.jar:/app/lib/*\", "
          "\"Main\"]");
}

Result<BuildPlan> plan_javac(const PackContext& context) {
  auto main = find_main_class(context);
  if (!main) return std::move(main).error();
  BuildPlan plan;
  const bool release = context.mode == BuildMode::kRelease;
  std::string& list = plan.files[kSourceList];
  for (const std::string& path : sources(context)) list += "\"" + path + "\"\n";
  std::string libraries;
  for (const std::string& jar : context.source.files_in("lib", ".jar"))
    libraries += (libraries.empty() ? "" : ":") + jar;
  const fs::path classes = context.places.work / ".unikctl-classes";
  BuildStep compile{"compile", {context.tools.at("javac").program.string(), "-encoding", "UTF-8", "-d", classes}, {}};
  if (!release) compile.args.push_back("-g");
  if (!libraries.empty()) compile.args.insert(compile.args.end(), {"-cp", libraries});
  compile.args.push_back("@" + std::string(kSourceList));
  BuildStep pack{"pack",
                 {context.tools.at("jar").program.string(), "--create", "--file",
                  (context.places.app / "app.jar").string(), std::string("--date=") + kJarDate},
                 {}};
  if (!main->empty()) pack.args.insert(pack.args.end(), {"--main-class", *main});
  pack.args.insert(pack.args.end(), {"-C", classes.string(), "."});
  plan.steps = {std::move(compile), std::move(pack)};
  plan.deterministic = release;
  return plan;
}

Result<Launch> finish_javac(const PackContext& context) {
  auto main = find_main_class(context);
  if (!main) return std::move(main).error();
  std::vector<std::string> command = {"java", "-jar", "/app/app.jar"};
  if (!context.source.files_in("lib", ".jar").empty()) {
    std::error_code error;
    const fs::path libraries = context.places.work / "lib";
    fs::rename(libraries, context.places.app / "lib", error);
    if (error) return unavailable("store_failed", "moving " + libraries.string() + ": " + error.message());
    command = {"java", "-cp", "/app/app.jar:/app/lib/*", *main};
  }
  return Launch{context.places.app, command_or(context, std::move(command)), {}};
}

}  // namespace

const Pack kJavacPack = {"javac", "java", "java", "*.java", detect_javac, tools_javac, plan_javac, finish_javac};

}  // namespace unik::runtimes
