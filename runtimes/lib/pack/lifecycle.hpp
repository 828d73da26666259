// `build DIR` and `deploy DIR` for a source that a pack knows: detect -> plan -> restore cache -> build -> export.
//
// Commands run on a copy of the source below `.unikctl/native`, in a declared environment, so that nothing else of the
// user's tree is touched. Downloads and what compilers key by content are kept below `.unikctl/cache`; everything keyed
// by time is made anew. `.unikctl/native/pack-metadata.json` says what was built and of what; while all of that is the
// same, by content, the image in the store is the answer and nothing runs. The commands' output is kept in
// `.unikctl/native/build.log`.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "api/result.hpp"
#include "codec/unik_lock.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/pack.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"

namespace unik::runtimes {

struct AppBuildOptions {
  std::filesystem::path directory;
  codec::UnikYaml recipe;               // of `directory/unik.yaml`, default where there is none
  std::string name;                     // of the image; empty: the directory's name
  std::string runtime;                  // over the recipe's and the pack's; empty: theirs
  std::optional<codec::UnikLock> lock;  // of `directory/unik.lock`: nothing else is built on
  std::vector<Include> includes;
  BaseRuntime base;
  BuildMode mode = BuildMode::kRelease;
  std::map<std::string, std::string> environment;  // of the commands, whole: see build_environment
  bool rebuild = false;                            // run the commands even when nothing changed
  Duration time_limit = std::chrono::hours(1);     // of each command
  std::function<void(const std::string&)> step;    // a sentence for each step as it begins; may be empty
  std::function<void(std::string_view)> output;    // the commands' output as it comes; may be empty
  std::string operation;                           // of a control plane, which runs this build; empty: nobody's
  // `python` or `python@1.0.0` as an image of this host. Errors: `not_found/no_runtime`, saying what was tried.
  std::function<Result<RuntimeImage>(const std::string&)> find_runtime;
};

struct AppBuild {
  PackedImage image;
  std::string pack;
  bool reused = false;                          // no command was run
  bool deterministic = false;                   // the same source and tools give the same digest
  std::optional<codec::LockedRuntime> runtime;  // that it is built on
  Duration build_took{};
};

// What `build --explain` shows: all that is decided before a command runs. A later part is missing when an earlier one
// failed; `obstacle` says why then.
struct BuildExplanation {
  PackChoice choice;
  std::string runtime;  // `python@1.0.0`, or empty
  Tools tools;
  BuildPlan plan;
  std::optional<Error> obstacle;
};

// Errors: those of choose_pack; of Pack; of find_tools and find_runtime; `invalid/not_locked` for a runtime that is not
// what the lock pins; `invalid/wrong_runtime` for one that the pack cannot build on; `invalid/unsafe_source`,
// `invalid/build_failed` (with the end of the log and its path), `timeout/program_timed_out`, and those of
// pack_directory.
Result<AppBuild> build_app(const BlobStore& store, std::span<const Pack> packs, const AppBuildOptions& options);
Result<BuildExplanation> explain_build(std::span<const Pack> packs, const AppBuildOptions& options);

}  // namespace unik::runtimes
