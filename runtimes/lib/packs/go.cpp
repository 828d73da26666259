// Go modules: one static program, without paths, build ids or commits in it.
#include <algorithm>

#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/text_lines.hpp"

namespace unik::runtimes {
namespace {

std::optional<Evidence> detect_go(const SourceTree& source) {
  if (!source.has("go.mod")) return std::nullopt;
  return Evidence{"go.mod"};
}

std::vector<ToolNeed> tools_go(const PackContext&) {
  return {{"go", {"go"}, {"version"}, "go version ", "apt-get install golang-go"}};
}

bool has_requirements(const SourceTree& source) {
  const std::string text = source.text_or_empty("go.mod");
  return std::ranges::any_of(lines_of(text), [](std::string_view line) { return begins_with_word(line, "require"); });
}

bool declares_main(std::string_view text) {
  return std::ranges::any_of(lines_of(text), [](std::string_view line) {
    return line.starts_with("package ") && begins_with_word(line.substr(line.find(' ')), "main");
  });
}

bool is_main_package(const SourceTree& source, const std::string& directory) {
  for (const std::string& path : source.files_in(directory, ".go"))
    if (!path.ends_with("_test.go") && declares_main(source.text_or_empty(path))) return true;
  return false;
}

// `replace example.com/x => ../x`. With vendor/ nothing is read there.
Result<void> check_go(const PackContext& context) {
  if (context.source.has("vendor/modules.txt")) return {};
  const std::string text = context.source.text_or_empty("go.mod");
  for (const std::string_view line : lines_of(text)) {
    const std::size_t arrow = line.substr(0, line.find("//")).find("=>");
    if (arrow == std::string_view::npos) continue;
    std::string_view path = without_blanks(line.substr(arrow + 2));
    if (path.starts_with('"') || path.starts_with('`')) path.remove_prefix(1);
    path = path.substr(0, path.find_first_of(" \t\"`"));
    if (!path.starts_with("./") && !path.starts_with("../") && !path.starts_with('/')) continue;
    if (auto stays = check_path_stays(context, "go.mod", std::string(without_blanks(line)), path); !stays) return stays;
  }
  return {};
}

// The package to build: the top one, or the only one below cmd/.
Result<std::string> find_main_package(const PackContext& context) {
  if (is_main_package(context.source, "")) return std::string(".");
  std::vector<std::string> found;
  for (const std::string& directory : context.source.directories_in("cmd"))
    if (is_main_package(context.source, directory)) found.push_back("./" + directory);
  if (found.size() == 1) return found.front();
  std::string names;
  for (const std::string& directory : found) names += (names.empty() ? "" : ", ") + directory;
  return in_source(context, "go.mod", "no_entry_point",
                   "want `package main` at the top or in one directory of cmd/, found " +
                       (found.empty() ? "none" : "several: " + names) +
                       "; choose one by build.command and artifact.path in unik.yaml");
}

Result<BuildPlan> plan_go(const PackContext& context) {
  BuildPlan plan;
  const bool release = context.mode == BuildMode::kRelease;
  const bool vendored = context.source.has("vendor/modules.txt");
  if (has_requirements(context.source)) {
    if (!context.source.has("go.sum") && release)
      return in_source(
          context, "go.mod", "no_lock",
          "want go.sum beside it, which pins what it requires, found none; run `go mod tidy` and commit it");
    plan.lock = context.source.has("go.sum") ? "go.sum" : "";
  }
  auto main = find_main_package(context);
  if (!main) return std::move(main).error();
  const std::string cache = context.places.cache.string();
  BuildStep compile{"compile", {context.tools.at("go").program.string(), "build"}, {}};
  compile.environment = {{"CGO_ENABLED", "0"},
                         {"GO111MODULE", "on"},
                         {"GOCACHE", cache + "/build"},
                         {"GOMODCACHE", cache + "/modules"},
                         {"GOTOOLCHAIN", "local"},
                         {"GOWORK", "off"},
                         {"GOFLAGS", std::string(vendored  ? "-mod=vendor"
                                                 : release ? "-mod=readonly"
                                                           : "-mod=mod") +
                                         " -modcacherw"}};
  std::vector<std::string>& args = compile.args;
  // Without -buildvcs=false the commit would change the bytes, and without -trimpath the directory.
  args.insert(args.end(), {"-trimpath", "-buildvcs=false"});
  if (release) args.insert(args.end(), {"-ldflags", "-s -w -buildid="});
  args.insert(args.end(), {"-o", (context.places.app / "app").string(), *main});
  plan.steps.push_back(std::move(compile));
  plan.deterministic = release;
  return plan;
}

Result<Launch> finish_go(const PackContext& context) {
  return Launch{context.places.app, command_or(context, {"/app/app"}), {}};
}

}  // namespace

const Pack kGoPack = {"go", "go", "", "go.mod", detect_go, tools_go, plan_go, finish_go, check_go};

}  // namespace unik::runtimes
