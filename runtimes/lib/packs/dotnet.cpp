// .NET: `dotnet publish` of the project that is a program, with CoreCLR and its framework beside it: the runtime
// `dotnet` is what those are linked with, and serves programs of any .NET version.
#include <algorithm>

#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/xml_document.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEndings[] = {".csproj", ".fsproj", ".vbproj"};
constexpr const char* kMend = "the SDK that its makers publish (Debian has none), with `dotnet` on PATH";
constexpr const char* kPlatform = "linux-x64";

std::vector<std::string> projects(const SourceTree& source) {
  std::vector<std::string> found;
  for (const std::string_view ending : kEndings)
    for (const std::string& path : source.files_below(ending)) found.push_back(path);
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<Evidence> detect_dotnet(const SourceTree& source) {
  for (const auto& files : {source.files_in("", ".sln"), projects(source)})
    if (!files.empty()) return Evidence{files.front()};
  return std::nullopt;
}

std::vector<ToolNeed> tools_dotnet(const PackContext&) {
  return {{"dotnet", {"dotnet"}, {"--version"}, "", kMend}};
}

bool is_program_project(const XmlElement& project) {
  const auto sdk = project.attributes.find("Sdk");
  const auto types = elements_named(project, "OutputType");
  const bool says_exe = std::any_of(types.begin(), types.end(), [](const XmlElement* type) {
    return type->text == "Exe" || type->text == "exe" || type->text == "WinExe";
  });
  // Those of a web or worker SDK are programs by default.
  return says_exe || (types.empty() && sdk != project.attributes.end() &&
                      (sdk->second == "Microsoft.NET.Sdk.Web" || sdk->second == "Microsoft.NET.Sdk.Worker"));
}

Result<std::string> find_program(const PackContext& context) {
  std::vector<std::string> found;
  for (const std::string& path : projects(context.source))
    if (is_program_project(read_xml(context.source.text_or_empty(path)))) found.push_back(path);
  if (found.size() == 1) return found.front();
  std::string names;
  for (const std::string& path : found) names += (names.empty() ? "" : ", ") + path;
  return in_source(context, detect_dotnet(context.source)->file, "no_entry_point",
                   "want one project with <OutputType>Exe</OutputType> or the web SDK, found " +
                       (names.empty() ? "none" : "several: " + names) +
                       "; build one alone by build.command and artifact.path in unik.yaml");
}

std::string beside(const std::string& project, const char* file) {
  return (fs::path(project).parent_path() / file).string();
}

// Each project that asks for packages has its own lock.
Result<std::string> find_nuget_lock(const PackContext& context, const std::string& program) {
  std::string first;
  for (const std::string& path : projects(context.source)) {
    if (elements_named(read_xml(context.source.text_or_empty(path)), "PackageReference").empty()) continue;
    const std::string lock = beside(path, "packages.lock.json");
    if (context.source.has(lock)) {
      if (first.empty() || path == program) first = lock;
      continue;
    }
    if (context.mode == BuildMode::kDebug) continue;
    return in_source(context, path, "no_lock",
                     "want packages.lock.json beside it, which pins what it requires, found none; run `dotnet restore "
                     "--use-lock-file --runtime linux-x64` and commit it");
  }
  return first;
}

Result<BuildPlan> plan_dotnet(const PackContext& context) {
  auto program = find_program(context);
  if (!program) return std::move(program).error();
  auto lock = find_nuget_lock(context, *program);
  if (!lock) return std::move(lock).error();
  BuildPlan plan;
  const bool release = context.mode == BuildMode::kRelease;
  plan.lock = *std::move(lock);
  plan.deterministic = release;
  const std::string tool = context.tools.at("dotnet").program.string();
  const std::map<std::string, std::string> environment = {{"DOTNET_CLI_TELEMETRY_OPTOUT", "1"},
                                                          {"DOTNET_NOLOGO", "1"},
                                                          {"DOTNET_SKIP_FIRST_TIME_EXPERIENCE", "1"},
                                                          {"MSBUILDDISABLENODEREUSE", "1"},
                                                          {"NUGET_PACKAGES", context.places.cache.string()}};
  BuildStep restore{"restore", {tool, "restore", *program, "--runtime", kPlatform}, environment};
  if (!plan.lock.empty()) restore.args.push_back("--locked-mode");
  BuildStep publish{"publish", {tool, "publish", *program, "--no-restore", "--configuration"}, environment};
  publish.args.insert(publish.args.end(), {release ? "Release" : "Debug", "--output", context.places.app.string()});
  publish.args.insert(publish.args.end(),
                      {"--runtime", kPlatform, "--self-contained", "true", "-p:Deterministic=true"});
  // The directory of the build would be in the program and in its symbols.
  publish.args.push_back("-p:PathMap=" + context.places.work.string() + "=/src");
  if (release) publish.args.insert(publish.args.end(), {"-p:ContinuousIntegrationBuild=true", "-p:DebugType=none"});
  plan.steps = {std::move(restore), std::move(publish)};
  return plan;
}

// Every program comes with NAME.runtimeconfig.json, a library without one; NAME itself starts it.
Result<Launch> finish_dotnet(const PackContext& context) {
  constexpr std::string_view kEnding = ".runtimeconfig.json";
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(context.places.app, error), end; !error && entry != end; entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    if (!file.ends_with(kEnding)) continue;
    const std::string name = file.substr(0, file.size() - kEnding.size());
    if (fs::is_regular_file(context.places.app / name, error)) names.push_back(name);
  }
  if (names.size() != 1 && context.recipe.run_command.empty())
    return in_source(context, detect_dotnet(context.source)->file, "no_entry_point",
                     "want one program NAME with NAME.runtimeconfig.json in what was published, found " +
                         std::to_string(names.size()) +
                         R"(; name it by run.command in unik.yaml, as in ["/app/NAME"])");
  std::vector<std::string> found;
  if (names.size() == 1) found = {"/app/" + names.front()};
  return Launch{context.places.app, command_or(context, std::move(found)), {}};
}

}  // namespace

const Pack kDotnetPack = {"dotnet",      "dotnet",     "dotnet",    "*.csproj or *.sln",
                          detect_dotnet, tools_dotnet, plan_dotnet, finish_dotnet};

}  // namespace unik::runtimes
