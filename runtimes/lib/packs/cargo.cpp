// Cargo: one program, linked statically with glibc, without the paths of this machine in it.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtimes/lib/elf/recognise.hpp"
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/toml_document.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kTarget = "x86_64-unknown-linux-gnu";

std::optional<Evidence> detect_cargo(const SourceTree& source) {
  if (!source.has("Cargo.toml")) return std::nullopt;
  return Evidence{"Cargo.toml"};
}

std::vector<ToolNeed> tools_cargo(const PackContext&) {
  return {{"cargo", {"cargo"}, {"--version"}, "cargo ", "apt-get install cargo"},
          {"rustc", {"rustc"}, {"--version"}, "rustc ", "apt-get install rustc"},
          {"cc", {"cc"}, {"--version"}, "", "apt-get install gcc libc6-dev"}};
}

// `table` is a dotted name from the top, as in `[package.metadata]`.
bool names_paths(std::string_view table, std::string_view key) {
  if (key == "build") return table == "package" || table == "project";
  if (key == "members") return table == "workspace";
  return key == "path" || key == "workspace";  // of a dependency or a target, anywhere
}

// For programs other than cargo, which does not read them.
bool is_of_others(std::string_view table) {
  return table == "package.metadata" || table == "workspace.metadata";
}

Result<void> check_paths_in_manifest(const PackContext& context, const std::string& file, const json& document) {
  std::vector<std::pair<std::string, const json*>> open = {{"", &document}};
  while (!open.empty()) {
    const auto [name, table] = std::move(open.back());
    open.pop_back();
    if (is_of_others(name)) continue;
    for (const auto& [key, value] : table->items()) {
      if (value.is_structured()) open.emplace_back(name.empty() ? key : name + "." + key, &value);
      if (!names_paths(name, key)) continue;
      for (const json& path : value.is_array() ? value : json::array({value}))
        if (path.is_string())
          if (auto stays = check_path_stays(context, file, key, path.get<std::string>()); !stays) return stays;
    }
  }
  return {};
}

Result<void> check_cargo(const PackContext& context) {
  for (const std::string& file : context.source.files_below("Cargo.toml")) {
    const auto text = toml_as_json(context.source.text_or_empty(file));
    const json document = text ? json::parse(*text, nullptr, false) : json();
    if (auto inside = check_paths_in_manifest(context, file, document); !inside) return inside;
  }
  return {};
}

// Outside the work directory, so that `target` of a user's own is never mistaken for it.
fs::path target_directory(const PackContext& context) {
  return context.places.app / "target";
}

Result<BuildPlan> plan_cargo(const PackContext& context) {
  BuildPlan plan;
  const bool release = context.mode == BuildMode::kRelease;
  if (context.source.has("Cargo.lock"))
    plan.lock = "Cargo.lock";
  else if (release)
    return in_source(context, "Cargo.toml", "no_lock",
                     "want Cargo.lock beside it, which pins what it requires, found none; run `cargo "
                     "generate-lockfile` and commit it");
  const std::string cache = context.places.cache.string();
  std::string flags = "-C target-feature=+crt-static --remap-path-prefix=" + context.places.work.string() +
                      "=/src --remap-path-prefix=" + cache + "=/cargo";
  if (release) flags += " -C strip=symbols -C link-arg=-Wl,--build-id=none";
  BuildStep compile{"compile", {context.tools.at("cargo").program.string(), "build"}, {}};
  std::vector<std::string>& args = compile.args;
  if (release) args.push_back("--release");
  if (!plan.lock.empty()) args.push_back("--locked");
  // With a target named, the flags hold for the program and not for what runs during the build.
  args.insert(args.end(), {"--target", std::string(kTarget), "--target-dir", target_directory(context).string()});
  compile.environment = {{"CARGO_HOME", cache},
                         {"CARGO_TERM_COLOR", "never"},
                         {"CARGO_INCREMENTAL", "0"},
                         {"RUSTC", context.tools.at("rustc").program.string()},
                         {"RUSTFLAGS", flags}};
  plan.steps.push_back(std::move(compile));
  plan.deterministic = release;
  return plan;
}

// The programs that cargo left, by their names.
std::vector<std::string> programs_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const auto found = recognise(entry->path());
    if (found && (found->kind == FileKind::kStaticProgram || found->kind == FileKind::kDynamicProgram) &&
        entry->path().extension().empty())
      names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> choose_program(const PackContext& context, const std::vector<std::string>& names) {
  const auto there = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!context.recipe.run_command.empty()) {
    const std::string wanted = fs::path(context.recipe.run_command.front()).filename().string();
    if (there(wanted)) return wanted;
  }
  const auto manifest = toml_as_json(context.source.text_or_empty("Cargo.toml"));
  const json package = manifest ? json::parse(*manifest, nullptr, false).value("package", json()) : json();
  for (const char* key : {"default-run", "name"})
    if (package.is_object() && package.contains(key) && package[key].is_string() && there(package[key]))
      return package[key].get<std::string>();
  if (names.size() == 1) return names.front();
  std::string listed;
  for (const std::string& name : names) listed += (listed.empty() ? "" : ", ") + name;
  return in_source(context, "Cargo.toml", "no_entry_point",
                   "want one program, found " + (names.empty() ? "none" : "several: " + listed) +
                       "; name it by `default-run` in [package], or by run.command in unik.yaml");
}

Result<Launch> finish_cargo(const PackContext& context) {
  const bool release = context.mode == BuildMode::kRelease;
  const fs::path built = target_directory(context) / kTarget / (release ? "release" : "debug");
  auto program = choose_program(context, programs_in(built));
  if (!program) return std::move(program).error();
  const fs::path place = context.places.app / "bin";
  std::error_code error;
  fs::create_directories(place, error);
  if (!error) fs::copy_file(built / *program, place / *program, error);
  if (error) return unavailable("store_failed", "copying " + (built / *program).string() + ": " + error.message());
  std::vector<std::string> command = context.recipe.run_command;
  if (command.empty()) command.push_back("");
  command.front() = "/app/" + *program;
  return Launch{place, std::move(command), {}};
}

}  // namespace

const Pack kCargoPack = {"cargo",     "rust",     "",           "Cargo.toml", detect_cargo,
                         tools_cargo, plan_cargo, finish_cargo, check_cargo};

}  // namespace unik::runtimes
