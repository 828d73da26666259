#include "runtimes/lib/runtime/base_build.hpp"

#include <fcntl.h>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/runtime/deb_archive.hpp"
#include "runtimes/lib/runtime/fetch_packages.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSourceDirectory = "usr/src/";
constexpr std::string_view kSourceEnding = ".tar.xz";
constexpr Duration kBuildLimit = std::chrono::hours(2);

// The kernel's source archive out of its package.
Result<fs::path> unpack_source(const FetchedPackages& packages, const fs::path& scratch) {
  auto sink = spool_sink(scratch);
  if (!sink) return std::move(sink).error();
  for (const FetchedDebian& fetched : packages.debian) {
    auto files = read_deb(fetched.file, *sink);
    if (!files) return std::move(files).error();
    for (const auto& [path, node] : *files) {
      if (!path.starts_with(kSourceDirectory) || !path.ends_with(kSourceEnding) || node.type != NodeType::kFile)
        continue;
      const fs::path place = scratch / fs::path(path).filename();
      auto fd = open_file(place, O_WRONLY | O_CREAT | O_TRUNC);
      if (!fd) return std::move(fd).error();
      auto written = read_content(node, [&](std::string_view bytes) { return write_all(fd->get(), bytes, place); });
      if (!written) return std::move(written).error();
      return place;
    }
  }
  return invalid("bad_package", "base: want a package with the kernel's source as usr/src/*.tar.xz, found none");
}

}  // namespace

Result<void> lay_out_base(const BaseBuildOptions& options) {
  auto packages = fetch_packages(options.packages, options.source.lock, options.mode, options.say);
  if (!packages) return std::move(packages).error();
  auto kernel_source = unpack_source(*packages, options.packages.scratch);
  if (!kernel_source) return std::move(kernel_source).error();
  if (auto made = make_directories(options.out.parent_path()); !made) return made;
  ProgramRun run;
  run.args = {(options.source.directory / "build.sh").string(), "--variant", options.variant, "--out",
              options.out.string()};
  if (options.mode == BuildMode::kRelease) run.args.emplace_back("--release");
  run.environment = options.packages.environment;
  run.environment["UNIKCTL_KERNEL_SOURCE"] = kernel_source->string();
  run.directory = options.source.directory;
  run.time_limit = kBuildLimit;
  std::string end;
  run.output = [&](std::string_view text) {
    if (options.output) options.output(text);
    end = text;
  };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (*code != 0)
    return invalid("build_failed",
                   run.args.front() + ": want exit code 0, got " + std::to_string(*code) + "; its end:\n" + end);
  return {};
}

}  // namespace unik::runtimes
