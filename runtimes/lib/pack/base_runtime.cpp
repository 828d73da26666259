#include "runtimes/lib/pack/base_runtime.hpp"

#include <cstdlib>
#include <system_error>

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> if_file(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return path;
  return std::nullopt;
}

// What `dir` has too little of to be a base runtime; empty when it is one.
std::string flaw_of(const fs::path& dir, BaseRuntime& runtime) {
  std::error_code error;
  runtime.dir = dir;
  runtime.kernel_up = if_file(dir / "boot" / "vmlinux-up");
  runtime.kernel_smp = if_file(dir / "boot" / "vmlinux-smp");
  runtime.root = dir / "root";
  if (!fs::is_directory(dir, error)) return "no such directory";
  if (!runtime.kernel_up && !runtime.kernel_smp) return "neither boot/vmlinux-up nor boot/vmlinux-smp";
  if (!if_file(runtime.root / "init")) return "no root/init";
  return "";
}

}  // namespace

BaseRuntimePlaces base_runtime_places(const fs::path& home) {
  BaseRuntimePlaces places;
  if (const char* wanted = std::getenv("UNIKCTL_BASE_RUNTIME"); wanted != nullptr && *wanted != '\0')
    places.wanted = wanted;
  if (!home.empty()) places.home = home;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) places.build_tree = program.parent_path().parent_path();
  return places;
}

Result<BaseRuntime> find_base_runtime(const BaseRuntimePlaces& places) {
  std::vector<fs::path> candidates;
  if (places.wanted) {
    candidates.push_back(*places.wanted);
  } else {
    for (const auto& place : {places.home, places.build_tree})
      if (place) candidates.push_back(*place / "runtimes" / "base");
  }
  std::string tried;
  for (const fs::path& candidate : candidates) {
    BaseRuntime runtime;
    const std::string flaw = flaw_of(candidate, runtime);
    if (flaw.empty()) return runtime;
    tried += (tried.empty() ? "" : ", ") + candidate.string() + " (" + flaw + ")";
  }
  return not_found("no_base_runtime",
                   "base runtime: want a directory with a kernel and an init, tried " +
                       (tried.empty() ? "nothing" : tried) +
                       "; build it with `runtimes/base/build.sh --variant all --out DIR` and name DIR in "
                       "UNIKCTL_BASE_RUNTIME, or run ./quickstart.sh");
}

}  // namespace unik::runtimes
