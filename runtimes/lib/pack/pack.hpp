// A pack: one way to make an app of a source. Each is a small unit (packs/*.cpp): what it is told by, which tools it
// needs, its lock rule and commands, and how the result is started. The lifecycle around it (lifecycle.hpp) is the same
// for all: detect, plan, restore the cache, build, export.
//
// `detect`, `tools` and `plan` are pure: they look at the SourceTree and return values. Only `finish` touches the disk,
// and only below Places.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/pack/source_tree.hpp"
#include "runtimes/lib/pack/toolchain.hpp"

namespace unik::runtimes {

// A debug build keeps symbols, and takes what is unlocked, saying so; it claims no reproducibility.
enum class BuildMode : std::uint8_t { kRelease, kDebug };
std::string_view to_string(BuildMode mode);

// What a pack was told by. A project's own file (go.mod) says more than sources that lie there (*.py).
struct Evidence {
  std::string file;
  bool is_project = true;

  bool operator==(const Evidence&) const = default;
};

// Where a build happens; all below `.unikctl/` of the source.
struct Places {
  std::filesystem::path work;   // a copy of the source, in which commands run
  std::filesystem::path app;    // empty at first: what becomes /app, unless `finish` names `work`
  std::filesystem::path cache;  // of this pack with these tools: downloads and what compilers key by content

  bool operator==(const Places&) const = default;
};

struct PackContext {
  const SourceTree& source;
  const codec::UnikYaml& recipe;
  BuildMode mode = BuildMode::kRelease;
  std::map<std::string, std::string> provides;  // by the runtime: `python` -> `3.11`
  Places places;
  Tools tools;  // found; empty while `tools` is asked for
};

struct BuildStep {
  std::string title;                               // `compile`
  std::vector<std::string> args;                   // the program by its path
  std::map<std::string, std::string> environment;  // over the declared one

  bool operator==(const BuildStep&) const = default;
};

struct BuildPlan {
  std::map<std::string, std::string> files;  // laid into `work` before the first step: path -> text
  std::vector<BuildStep> steps;
  std::string lock;  // the file that pins what is fetched; empty: nothing is
  std::vector<std::string> warnings;
  bool deterministic = true;

  bool operator==(const BuildPlan&) const = default;
};

// How the app is started: `app` becomes /app.
struct Launch {
  std::filesystem::path app;
  std::vector<std::string> command;  // a program in the guest, by path or by name on PATH
  std::map<std::string, std::string> environment;

  bool operator==(const Launch&) const = default;
};

struct Pack {
  std::string_view name;       // `npm`
  std::string_view language;   // its group, as `language` of unik.yaml names it: `nodejs`
  std::string_view runtime;    // the runtime that the app stands on; empty: it brings everything itself
  std::string_view looks_for;  // in words: `go.mod`
  // Null: by nothing in the source; taken where the language or the runtime is named, and the command, and no other
  // matches.
  std::optional<Evidence> (*detect)(const SourceTree& source);
  std::vector<ToolNeed> (*tools)(const PackContext& context);
  // Errors: `invalid/no_lock`, `invalid/unhashed_lock`, `invalid/no_entry_point`.
  Result<BuildPlan> (*plan)(const PackContext& context);
  // After the commands have run. Errors: `invalid/no_entry_point`, `invalid/no_artifact`.
  Result<Launch> (*finish)(const PackContext& context);
  // What is wrong whatever runtime and tools there are, asked before they are looked for. Pure, too. Errors:
  // `invalid/ambiguous_lock`, `invalid/unsafe_source`, `invalid/not_a_wheel`.
  Result<void> (*check)(const PackContext& context) = nullptr;
};

// A pack that matches the source.
struct PackMatch {
  const Pack* pack = nullptr;
  Evidence evidence;
};

// All that match, in order of preference, and why the first is first. The rule: `language` of unik.yaml; then a
// project's own file before loose sources; then the order of the table.
struct PackChoice {
  std::vector<PackMatch> matches;
  std::string rule;

  const PackMatch& chosen() const { return matches.front(); }
};

// Errors: `invalid/no_pack`, with what each pack looks for; `invalid/no_such_language`.
Result<PackChoice> choose_pack(std::span<const Pack> packs, const SourceTree& source, const codec::UnikYaml& recipe);

// ---- What packs share ----

// `FILE: TEXT` as the error of a file of the source.
Error in_source(const PackContext& context, std::string_view file, const char* reason, const std::string& text);

// What a file of the source names by a path, relative to that file's directory, must lie in the source: what lies
// elsewhere is in no copy of it and in no hash of its inputs. `entry` says where it stands. Errors:
// `invalid/unsafe_source`.
Result<void> check_path_stays(const PackContext& context, std::string_view file, const std::string& entry,
                              std::string_view path);

// The command that unik.yaml gives, or else `found`.
std::vector<std::string> command_or(const PackContext& context, std::vector<std::string> found);

}  // namespace unik::runtimes
