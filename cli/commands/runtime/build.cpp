// runtime new|build|lock|validate|test: from the sources of runtimes.
#include <algorithm>
#include <system_error>

#include "api/runtime_name.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/packing.hpp"
#include "cli/runtime_check.hpp"
#include "cli/runtimes.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/runtime_lock.hpp"
#include "runtimes/lib/runtime/source_template.hpp"

namespace unik::cli {

namespace fs = std::filesystem;

Result<int> build_runtimes(const Session& session, const RuntimeOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const runtimes::ScratchDirectory scratch(runtime_scratch(session));
  const std::vector<std::string> names = options.names.empty() ? runtime_names(session) : options.names;
  if (names.empty()) return not_found("no_such_runtime", "want a runtime to build, found no source of any");
  for (const std::string& name : names) {
    const auto source = take_runtime_source(session, options, name, scratch.path());
    if (!source) return source.error();
    session.say("build: " + name + "@" + source->manifest.version + " from " + source->directory.string());
    const auto built = build_runtime(session, *store, *source,
                                     options.release ? runtimes::BuildMode::kRelease : runtimes::BuildMode::kDebug);
    if (!built) return built.error();
    session.out(to_string(built->image.reference) + "\n");
  }
  return 0;
}

// ---- new ----

Result<int> new_runtime(const Session& session, const RuntimeOptions& options) {
  const auto name = parse_runtime_name(options.name);
  if (!name) return name.error();
  if (!name->space.empty() || !name->version.empty())
    return invalid("usage", "want a name alone, got `" + options.name + "`; manifest.yaml says the version");
  const fs::path directory = session.environment().working_dir / name->name;
  std::error_code problem;
  if (fs::exists(directory, problem))
    return conflict("source_exists", directory.string() + ": want a name that is free here, something is there");
  for (const auto& [path, text] : runtimes::source_template(name->name)) {
    if (auto made = runtimes::make_directories((directory / path).parent_path()); !made) return made.error();
    if (auto written = runtimes::replace_file(directory / path, text); !written) return written.error();
  }
  session.out(directory.string() + "\n");
  session.say("pin its packages:  unikctl runtime lock " + name->name + " --update --source " + directory.string());
  session.say("boot it:           unikctl runtime test " + name->name + " --source " + directory.string());
  return 0;
}

// ---- lock ----

Result<int> lock_runtime(const Session& session, const RuntimeOptions& options) {
  const runtimes::ScratchDirectory scratch(runtime_scratch(session));
  auto source = take_runtime_source(session, options, options.name, scratch.path(), false);
  if (!source) return source.error();
  auto places = package_places(session);
  if (!places) return places.error();
  places->scratch = scratch.path() / "packages";
  auto fresh = runtimes::make_lock(*places, source->recipe, [&](const std::string& text) { session.say(text); });
  if (!fresh) return fresh.error();
  const std::vector<std::string> difference = runtimes::lock_difference(source->lock, *fresh);
  for (const std::string& line : difference) session.out(line + "\n");
  if (difference.empty()) fresh->image = source->lock.image;  // what was released is of these very pins
  const fs::path file = source->directory / runtimes::kLockFile;
  if (*fresh == source->lock) {
    session.say(file.string() + " pins what the archives prefer now");
    return 0;
  }
  if (!options.update) {
    session.say("nothing was written; `unikctl runtime lock " + options.name + " --update` takes these versions");
    return 1;
  }
  if (auto written = runtimes::replace_file(file, codec::print_runtime_lock(*fresh)); !written) return written.error();
  session.say(file.string() + " was written");
  return 0;
}

Result<int> validate_runtimes(const Session& session, const RuntimeOptions& options) {
  std::vector<fs::path> directories;
  for (const std::string& word : options.names) {
    const fs::path path = session.environment().working_dir / word;
    const std::vector<fs::path> below = runtimes::runtime_sources(path);
    directories.insert(directories.end(), below.begin(), below.end());
    if (below.empty()) directories.push_back(path);
  }
  if (options.names.empty())
    for (const fs::path& place : runtime_places(session.environment()))
      for (const fs::path& directory : runtimes::runtime_sources(place)) directories.push_back(directory);
  if (directories.empty()) return not_found("no_such_runtime", "want sources of runtimes, found none");
  Error all = invalid("bad_runtime", "");
  for (const fs::path& directory : directories) {
    runtimes::SourceCheck check = runtimes::check_runtime_source(directory);
    for (const std::string& warning : check.warnings) session.warn(warning);
    if (check.faults.empty())
      session.out(check.source.directory.string() + ": " + check.source.manifest.name + "@" +
                  check.source.manifest.version + " is valid\n");
    all.details.insert(all.details.end(), check.faults.begin(), check.faults.end());
  }
  if (all.details.empty()) return 0;
  all.message = "want sources of runtimes without faults, found " + std::to_string(all.details.size());
  return all;
}

Result<int> test_runtime(const Session& session, const RuntimeOptions& options) {
  const runtimes::ScratchDirectory scratch(runtime_scratch(session));
  const auto source = take_runtime_source(session, options, options.name, scratch.path());
  if (!source) return source.error();
  return check_runtime(session, *source, scratch.path(), options.timeout);
}

}  // namespace unik::cli
