#include "cli/runtimes.hpp"

#include <algorithm>
#include <ostream>
#include <system_error>

#include "cli/runtime_registries.hpp"
#include "cli/runtime_settings.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/runtime/base_build.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

using Build = std::function<Result<void>(const runtimes::RuntimeSource&)>;
using Install = std::function<Result<runtimes::RegistryAnswer>(const RuntimeName&)>;

Result<runtimes::RuntimeImage> look_up(const Session& session, const runtimes::BlobStore& store,
                                       const std::string& name, Install install, Build build) {
  auto space = runtime_space(session);
  if (!space) return space.error();
  const runtimes::RuntimeShelf shelf{store,
                                     home_of(session.environment()) / "runtimes",
                                     *space,
                                     runtime_places(session.environment()),
                                     std::move(install),
                                     std::move(build),
                                     [&session](const std::string& text) { session.say(text); }};
  return runtimes::find_runtime(shelf, name);
}

// Compiled into this host's home, where the other verbs find it.
Result<fs::path> build_base(const Session& session, const runtimes::PackagePlaces& packages,
                            const runtimes::RuntimeSource& source, runtimes::BuildMode mode) {
  const fs::path home = home_of(session.environment());
  runtimes::BaseBuildOptions options;
  options.source = source;
  options.packages = packages;
  options.packages.scratch = runtimes::fresh_name(home / "tmp", "base-");
  options.out = home / "runtimes" / runtimes::kBaseRuntimeName;
  if (const std::string variant = session.environment().get("UNIKCTL_BASE_VARIANT"); !variant.empty())
    options.variant = variant;
  options.mode = mode;
  options.say = [&session](const std::string& text) { session.say(text); };
  options.output = [&session](std::string_view text) { *session.terminal().err << text << std::flush; };
  auto laid = runtimes::lay_out_base(options);
  std::error_code ignored;
  fs::remove_all(options.packages.scratch, ignored);
  if (!laid) return laid.error();
  return options.out;
}

}  // namespace

std::vector<fs::path> runtime_places(const Environment& environment) {
  std::vector<fs::path> places;
  if (const std::string given = environment.get("UNIKCTL_RUNTIME_SOURCES"); !given.empty()) {
    for (std::size_t begin = 0; begin <= given.size();) {
      const std::size_t end = std::min(given.find(':', begin), given.size());
      if (end > begin) places.push_back(environment.working_dir / given.substr(begin, end - begin));
      begin = end + 1;
    }
    return places;
  }
  const fs::path top = environment.program_dir.parent_path();
  std::error_code ignored;
  // Of the build that this program belongs to, or of an installation.
  for (const fs::path& place : {top / "runtimes" / "sources", top / "share" / "unikctl" / "runtimes"})
    if (fs::is_directory(place, ignored)) places.push_back(fs::canonical(place, ignored));
  return places;
}

fs::path cache_of(const Environment& environment) {
  const std::string cache = environment.get("XDG_CACHE_HOME");
  return (cache.empty() ? fs::path(environment.get("HOME")) / ".cache" : fs::path(cache)) / "unikctl";
}

Result<runtimes::PackagePlaces> package_places(const Session& session) {
  const Environment& environment = session.environment();
  auto settings = read_runtime_settings(environment);
  if (!settings) return settings.error();
  runtimes::PackagePlaces places;
  places.cache = cache_of(environment) / "packages";
  places.environment = environment.variables;
  places.mirrors = std::move(settings->mirrors);
  return places;
}

Result<std::string> runtime_space(const Session& session) {
  const auto settings = read_runtime_settings(session.environment());
  if (!settings) return settings.error();
  return settings->space.empty() ? runtimes::kDefaultRuntimeSpace : settings->space;
}

Result<runtimes::BuiltRuntime> build_runtime(const Session& session, const runtimes::BlobStore& store,
                                             const runtimes::RuntimeSource& source, runtimes::BuildMode mode) {
  auto packages = package_places(session);
  if (!packages) return packages.error();
  auto space = runtime_space(session);
  if (!space) return space.error();
  runtimes::BaseRuntimePlaces base_places = runtimes::base_runtime_places(home_of(session.environment()));
  if (source.recipe.base.empty()) {
    auto laid = build_base(session, *packages, source, mode);
    if (!laid) return laid.error();
    base_places.wanted = *laid;
  }
  auto base = runtimes::find_base_runtime(base_places);
  if (!base) return base.error();
  runtimes::RuntimeBuildOptions options;
  options.source = source;
  options.base = std::move(base).value();
  options.packages = std::move(packages).value();
  options.space = std::move(space).value();
  options.mode = mode;
  options.say = [&session](const std::string& text) { session.say(text); };
  options.output = [&session](std::string_view text) { *session.terminal().err << text << std::flush; };
  auto built = runtimes::build_runtime(store, options);
  if (!built) return built;
  for (const std::string& text : built->substituted) session.warn(text);
  if (!built->substituted.empty())
    session.warn(source.manifest.name + "@" + source.manifest.version +
                 " is NOT reproducible: it holds other versions than its lock pins; refresh it with `unikctl runtime "
                 "lock " +
                 source.manifest.name + " --update`");
  return built;
}

Result<runtimes::RuntimeImage> find_runtime(const Session& session, const runtimes::BlobStore& store,
                                            const std::string& name) {
  const Install install = [&](const RuntimeName& wanted) { return install_from_registries(session, store, wanted); };
  return look_up(session, store, name, install, [&](const runtimes::RuntimeSource& source) -> Result<void> {
    const auto built = build_runtime(session, store, source, runtimes::BuildMode::kDebug);
    return built ? Result<void>() : Result<void>(built.error());
  });
}

Result<runtimes::RuntimeImage> look_up_runtime(const Session& session, const runtimes::BlobStore& store,
                                               const std::string& name) {
  return look_up(session, store, name, {}, [](const runtimes::RuntimeSource& source) -> Result<void> {
    return not_found("runtime_not_built", "runtime " + source.manifest.name + "@" + source.manifest.version +
                                              " is not installed yet: a build makes it first, from " +
                                              source.directory.string());
  });
}

}  // namespace unik::cli
