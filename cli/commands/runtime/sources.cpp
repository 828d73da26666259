// Where the sources of runtimes are taken from, and what is installed beside them.
#include <algorithm>
#include <optional>

#include "api/runtime_name.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/packing.hpp"
#include "cli/runtimes.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/external_source.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"

namespace unik::cli {

namespace fs = std::filesystem;

constexpr std::string_view kScratchPrefix = "runtime-";

Result<fs::path> own_runtime_source(const Session& session, const std::string& name) {
  const std::vector<fs::path> places = runtime_places(session.environment());
  if (const fs::path found = runtimes::find_runtime_source(places, name); !found.empty()) return found;
  std::string tried;
  for (const fs::path& place : places) tried += (tried.empty() ? "" : ", ") + (place / name).string();
  return not_found("no_such_runtime", "runtime " + name + ": want a source of it, found none at " +
                                          (tried.empty() ? "any place (no directory of sources is known)" : tried));
}

Result<runtimes::RuntimeSource> take_runtime_source(const Session& session, const RuntimeOptions& options,
                                                    const std::string& name, const fs::path& scratch, bool with_lock) {
  const auto parsed = parse_runtime_name(name);
  if (!parsed) return parsed.error();
  if (parsed->name != name)
    return invalid("bad_runtime_name", "runtime: want a name alone, such as python, which sources are found by, got `" +
                                           name + "`; leave out what is around `" + parsed->name + "`");
  std::optional<Error> refused;
  if (!options.source.empty()) {
    const std::string where = runtimes::is_git_source(options.source)
                                  ? options.source
                                  : (session.environment().working_dir / options.source).lexically_normal().string();
    const auto found = runtimes::find_external_source(where, name, scratch, session.environment().variables);
    auto source =
        found ? runtimes::read_runtime_source(*found, with_lock) : Result<runtimes::RuntimeSource>(found.error());
    if (source) {
      session.say("source: " + name + " from " + source->directory.string());
      return source;
    }
    refused = source.error();
  }
  const auto directory = own_runtime_source(session, name);
  if (!directory) {
    if (!refused) return directory.error();
    refused->message += "; and " + directory.error().message;
    return *refused;
  }
  if (refused) {
    session.warn(to_string(*refused));
    session.warn("the source " + options.source + " cannot be used; taking " + directory->string() + " instead");
  }
  return runtimes::read_runtime_source(*directory, with_lock);
}

std::vector<std::string> runtime_names(const Session& session) {
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

fs::path runtime_scratch(const Session& session) {
  return runtimes::fresh_name(home_of(session.environment()) / "tmp", kScratchPrefix);
}

void remove_abandoned_scratch(const Session& session) {
  runtimes::remove_abandoned(home_of(session.environment()) / "tmp", kScratchPrefix);
}

Result<std::vector<runtimes::InstalledRuntime>> installed_as(const Session& session, const runtimes::BlobStore& store,
                                                             const std::string& text) {
  auto wanted = parse_runtime_name(text);
  if (!wanted) return wanted.error();
  auto space = runtime_space(session);
  if (!space) return space.error();
  if (wanted->space.empty()) wanted->space = *space;
  const auto installed = installed_runtimes(store);
  if (!installed) return installed.error();
  std::vector<runtimes::InstalledRuntime> found;
  std::string there;
  for (const runtimes::InstalledRuntime& one : *installed) {
    const bool same = one.name.space == wanted->space && one.name.name == wanted->name;
    if (same && (wanted->version.empty() || one.name.version == wanted->version)) found.push_back(one);
    there += (there.empty() ? "" : ", ") + to_string(one.name);
  }
  if (!found.empty()) return found;
  return not_found("no_such_runtime", "want a runtime that is installed, got `" + text + "`; installed is " +
                                          (there.empty() ? "none" : there));
}

}  // namespace unik::cli
