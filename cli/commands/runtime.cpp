// runtime list|info|build|lock|validate|test: what apps stand on, made from pinned packages.
#include <algorithm>
#include <memory>
#include <optional>
#include <system_error>

#include "api/runtime_name.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/runtimes.hpp"
#include "cli/packing.hpp"
#include "cli/runtime_check.hpp"
#include "cli/runtimes.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/external_source.hpp"
#include "runtimes/lib/runtime/runtime_lock.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;
using runtimes::BuildMode;
using runtimes::RuntimeSource;

struct RuntimeOptions {
  std::vector<std::string> names;  // or directories, for validate
  std::string name;
  std::string source;
  OutputFormat format = OutputFormat::kTable;
  bool release = false;
  bool update = false;
  Duration timeout = std::chrono::minutes(5);
};

// A scratch directory of one command; it goes with it.
class Scratch {
 public:
  explicit Scratch(const Session& session)
      : path_(runtimes::fresh_name(home_of(session.environment()) / "tmp", "runtime-")) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// ---- Where a source is taken from ----

Result<fs::path> own_source(const Session& session, const std::string& name) {
  const std::vector<fs::path> places = runtime_places(session.environment());
  if (const fs::path found = runtimes::find_runtime_source(places, name); !found.empty()) return found;
  std::string tried;
  for (const fs::path& place : places) tried += (tried.empty() ? "" : ", ") + (place / name).string();
  return not_found("no_such_runtime", "runtime " + name + ": want a source of it, found none at " +
                                          (tried.empty() ? "any place (no directory of sources is known)" : tried));
}

// With --source from there; where that is wrong or away, from the one that came with unikctl, which is said.
Result<RuntimeSource> take_source(const Session& session, const RuntimeOptions& options, const std::string& name,
                                  const fs::path& scratch, bool with_lock = true) {
  if (auto parsed = parse_runtime_name(name); !parsed) return parsed.error();
  std::optional<Error> refused;
  if (!options.source.empty()) {
    const std::string where = runtimes::is_git_source(options.source)
                                  ? options.source
                                  : (session.environment().working_dir / options.source).lexically_normal().string();
    const auto found = runtimes::find_external_source(where, name, scratch, session.environment().variables);
    auto source = found ? runtimes::read_runtime_source(*found, with_lock) : Result<RuntimeSource>(found.error());
    if (source) {
      session.say("source: " + name + " from " + source->directory.string());
      return source;
    }
    refused = source.error();
  }
  const auto directory = own_source(session, name);
  if (!directory) {
    Error error = directory.error();
    if (refused) error.message = refused->message + "; and " + error.message;
    return error;
  }
  if (refused) {
    session.warn(to_string(*refused));
    session.warn("the source " + options.source + " cannot be used; taking " + directory->string() + " instead");
  }
  return runtimes::read_runtime_source(*directory, with_lock);
}

std::vector<std::string> all_names(const Session& session) {
  std::vector<std::string> names;
  for (const fs::path& place : runtime_places(session.environment()))
    for (const fs::path& directory : runtimes::runtime_sources(place)) {
      const runtimes::SourceCheck check = runtimes::check_runtime_source(directory, false);
      const std::string& name = check.source.manifest.name;
      names.push_back(name.empty() ? directory.filename().string() : name);
    }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// ---- list, info ----

Result<std::vector<RuntimeRow>> rows_of(const Session& session) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto space = runtime_space(session);
  if (!space) return space.error();
  const auto installed = runtimes::installed_runtimes(*store);
  if (!installed) return installed.error();
  std::vector<RuntimeRow> rows;
  for (const runtimes::InstalledRuntime& runtime : *installed) {
    const bool ours = runtime.name.space == *space;
    rows.push_back({(ours ? "" : runtime.name.space + "/") + runtime.name.name, runtime.name.version, runtime, {}});
  }
  for (const std::string& name : all_names(session)) {
    const auto directory = own_source(session, name);
    if (!directory) continue;
    const RuntimeSource source = runtimes::check_runtime_source(*directory, false).source;
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const RuntimeRow& row) {
      return row.name == name && row.version == source.manifest.version;
    });
    if (same != rows.end())
      same->source = source;
    else
      rows.push_back({name, source.manifest.version, {}, source});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return rows;
}

Result<int> list_runtimes(const Session& session, const RuntimeOptions& options) {
  const auto rows = rows_of(session);
  if (!rows) return rows.error();
  session.out(render_runtimes(*rows, options.format));
  return 0;
}

Result<int> info(const Session& session, const RuntimeOptions& options) {
  const auto wanted = parse_runtime_name(options.name);
  if (!wanted) return wanted.error();
  const auto rows = rows_of(session);
  if (!rows) return rows.error();
  RuntimeName plain = *wanted;
  plain.version.clear();
  std::string there;
  for (const RuntimeRow& row : *rows) {
    if (row.name == to_string(plain) && (wanted->version.empty() || row.version == wanted->version)) {
      session.out(render_runtime(row, options.format));
      return 0;
    }
    there += (there.empty() ? "" : ", ") + row.name + "@" + row.version;
  }
  return not_found("no_such_runtime", "want a runtime that is installed or has a source, got `" + options.name +
                                          "`; there is " + (there.empty() ? "none" : there));
}

// ---- build ----

Result<int> build(const Session& session, const RuntimeOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const Scratch scratch(session);
  const std::vector<std::string> names = options.names.empty() ? all_names(session) : options.names;
  if (names.empty()) return not_found("no_such_runtime", "want a runtime to build, found no source of any");
  for (const std::string& name : names) {
    const auto source = take_source(session, options, name, scratch.path());
    if (!source) return source.error();
    session.say("build: " + name + "@" + source->manifest.version + " from " + source->directory.string());
    const auto built =
        build_runtime(session, *store, *source, options.release ? BuildMode::kRelease : BuildMode::kDebug);
    if (!built) return built.error();
    session.out(to_string(built->image.reference) + "\n");
  }
  return 0;
}

// ---- lock ----

Result<int> lock(const Session& session, const RuntimeOptions& options) {
  const Scratch scratch(session);
  auto source = take_source(session, options, options.name, scratch.path(), false);
  if (!source) return source.error();
  auto places = package_places(session);
  if (!places) return places.error();
  places->scratch = scratch.path() / "packages";
  const auto fresh = runtimes::make_lock(*places, source->recipe, [&](const std::string& text) { session.say(text); });
  if (!fresh) return fresh.error();
  for (const std::string& line : runtimes::lock_difference(source->lock, *fresh)) session.out(line + "\n");
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

// ---- validate ----

Result<int> validate(const Session& session, const RuntimeOptions& options) {
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

Result<int> test(const Session& session, const RuntimeOptions& options) {
  const Scratch scratch(session);
  const auto source = take_source(session, options, options.name, scratch.path());
  if (!source) return source.error();
  return check_runtime(session, *source, scratch.path(), options.timeout);
}

}  // namespace

void add_runtime(CommandTree& tree) {
  const VerbFlags group =
      tree.add_group(kImages, "runtime", "What apps stand on: runtime list|info|build|test|lock|validate");
  const auto options = std::make_shared<RuntimeOptions>();
  const auto add = [&](const char* name, const char* summary,
                       Result<int> (*run)(const Session&, const RuntimeOptions&)) {
    return tree.add_below(group, name, summary,
                          [options, run](const Session& session) { return run(session, *options); });
  };
  const auto source = [&](VerbFlags& verb) {
    verb.text("--source", options->source, "DIR|GIT", "Take the source from there; GIT may end in #BRANCH");
  };
  add("list", "Show the runtimes that are installed, and those that can be built", list_runtimes)
      .output(options->format);

  VerbFlags info_verb = add("info", "Show one runtime: packages, versions, environment, image", info);
  info_verb.word("name", options->name, "NAME[@VERSION]", "The runtime", Need::kRequired);
  info_verb.output(options->format);

  VerbFlags build_verb = add("build", "Build runtimes from pinned packages into this host's images", build);
  build_verb.words("name", options->names, "NAME...", "Which (all)", Need::kOptional);
  source(build_verb);
  build_verb.flag("--release", options->release, "Refuse a pin that has vanished, instead of taking the newest");

  VerbFlags test_verb = add("test", "Boot a runtime in a VM and ask it by HTTP", test);
  test_verb.word("name", options->name, "NAME", "The runtime", Need::kRequired);
  source(test_verb);
  test_verb.duration("--timeout", options->timeout, "How long to wait for its answer (5m)");

  VerbFlags lock_verb =
      add("lock", "Show what differs between a lock and what the archives have now; code 1 if something does", lock);
  lock_verb.word("name", options->name, "NAME", "The runtime", Need::kRequired);
  lock_verb.flag("--update", options->update, "Write these versions into versions.lock");
  source(lock_verb);

  VerbFlags validate_verb = add("validate", "Check sources of runtimes; all faults at once", validate);
  validate_verb.words("directory", options->names, "DIR...", "Which (those that came with unikctl)", Need::kOptional);
}

}  // namespace unik::cli
