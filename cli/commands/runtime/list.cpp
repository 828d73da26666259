// runtime list|info|outdated: what is installed, what can be built here, and what the registries offer.
#include <algorithm>

#include "api/runtime_name.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/output/runtime_releases.hpp"
#include "cli/packing.hpp"
#include "cli/runtime_registries.hpp"
#include "cli/runtime_settings.hpp"
#include "cli/runtimes.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

// What is installed, and the namespace of the names that go without one.
struct Installed {
  std::string space;
  std::vector<runtimes::InstalledRuntime> runtimes;

  bool has(const std::string& name, const RuntimeVersion& version) const {
    return find_installed(runtimes, {space, name, to_string(version)}) != nullptr;
  }
};

Result<Installed> read_installed(const Session& session) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto space = runtime_space(session);
  if (!space) return space.error();
  auto found = runtimes::installed_runtimes(*store);
  if (!found) return std::move(found).error();
  return Installed{*space, *std::move(found)};
}

Result<std::vector<ReleaseRow>> release_rows(const Session& session) {
  const auto installed = read_installed(session);
  if (!installed) return installed.error();
  const auto registries = ask_registries(session);
  if (!registries) return registries.error();
  std::vector<ReleaseRow> rows;
  for (const runtimes::FetchedRegistry& registry : *registries)
    for (const auto& [name, releases] : registry.registry.runtimes)
      for (auto it = releases.rbegin(); it != releases.rend(); ++it)
        rows.push_back({name, it->second, registry.configured.name, installed->has(name, it->first)});
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return rows;
}

Result<int> list_releases(const Session& session, const RuntimeOptions& options) {
  const auto rows = release_rows(session);
  if (!rows) return rows.error();
  if (rows->empty() && options.format == OutputFormat::kTable)
    session.say("no releases: `runtimes.registries` of config.yaml names the registries");
  else
    session.out(render_releases(*rows, options.format));
  return 0;
}

// What is not here may be in a registry. False: neither that.
Result<bool> show_release(const Session& session, const RuntimeOptions& options, const RuntimeName& wanted,
                          std::string& tried) {
  if (!wanted.space.empty()) return false;
  const auto registries = ask_registries(session);
  if (!registries) return registries.error();
  if (registries->empty()) return false;
  const auto found = find_in_registries(*registries, wanted);
  if (!found) {
    tried = "; " + found.error().message;
    return false;
  }
  session.out(render_release({found->name, found->release, found->registry->configured.name, false}, options.format));
  return true;
}

// As the registry that it came from says by now; where that cannot be asked, a warning says so. What came from none was
// never published.
std::optional<bool> is_yanked(const Session& session, const RuntimeRow& row) {
  if (!row.record) return false;
  const auto settings = read_runtime_settings(session.environment());
  if (!settings) return std::nullopt;
  for (runtimes::ConfiguredRegistry one : settings->registries) {
    if (!one.enabled || one.name != row.record->registry) continue;
    const auto registries =
        fetch_registries(std::vector{one}, cache_of(session.environment()) / "registries",
                         session.environment().variables, [&](const std::string& text) { session.warn(text); });
    const auto release = find_in_registries(registries, {"", row.name, row.version});
    return release ? std::optional<bool>(release->release.yanked) : std::nullopt;
  }
  return std::nullopt;
}

// That nothing is newer can be said only by who has asked them all.
Result<void> check_all_answered(const Session& session, const std::vector<runtimes::FetchedRegistry>& registries) {
  const auto settings = read_runtime_settings(session.environment());
  if (!settings) return settings.error();
  std::string missing;
  for (const runtimes::ConfiguredRegistry& one : settings->registries) {
    const bool there = std::any_of(registries.begin(), registries.end(),
                                   [&](const auto& registry) { return registry.configured.name == one.name; });
    if (one.enabled && !there) missing += (missing.empty() ? "" : ", ") + one.name;
  }
  if (missing.empty()) return {};
  return unavailable("registry_left_out", "want an answer of every registry that is enabled, none came of " + missing +
                                              "; the warnings say why; `enabled: false` leaves one out");
}

}  // namespace

Result<std::vector<RuntimeRow>> runtime_rows(const Session& session) {
  const auto installed = read_installed(session);
  if (!installed) return installed.error();
  const fs::path roots = home_of(session.environment()) / "runtimes";
  std::vector<RuntimeRow> rows;
  for (const runtimes::InstalledRuntime& runtime : installed->runtimes) {
    const bool ours = runtime.name.space == installed->space;
    rows.push_back({(ours ? "" : runtime.name.space + "/") + runtime.name.name, runtime.name.version, runtime, {}});
    if (ours) rows.back().record = runtimes::find_install_record(roots, runtime.name);
  }
  for (const std::string& name : runtime_names(session)) {
    const auto directory = own_runtime_source(session, name);
    if (!directory) continue;
    const runtimes::RuntimeSource source = runtimes::check_runtime_source(*directory, false).source;
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
  if (options.from_registries) return list_releases(session, options);
  const auto rows = runtime_rows(session);
  if (!rows) return rows.error();
  session.out(render_runtimes(*rows, options.format));
  return 0;
}

Result<int> show_runtime(const Session& session, const RuntimeOptions& options) {
  const auto wanted = parse_runtime_name(options.name);
  if (!wanted) return wanted.error();
  auto rows = runtime_rows(session);
  if (!rows) return rows.error();
  RuntimeName plain = *wanted;
  plain.version.clear();
  std::string there;
  for (RuntimeRow& row : *rows) {
    if (row.name == to_string(plain) && (wanted->version.empty() || row.version == wanted->version)) {
      row.yanked = is_yanked(session, row);
      session.out(render_runtime(row, options.format));
      return 0;
    }
    there += (there.empty() ? "" : ", ") + row.name + "@" + row.version;
  }
  std::string tried;
  const auto shown = show_release(session, options, *wanted, tried);
  if (!shown) return shown.error();
  if (*shown) return 0;
  return not_found("no_such_runtime", "want a runtime that is installed or has a source, got `" + options.name +
                                          "`; there is " + (there.empty() ? "none" : there) + tried);
}

Result<int> list_outdated_runtimes(const Session& session, const RuntimeOptions& options) {
  const auto installed = read_installed(session);
  if (!installed) return installed.error();
  const auto registries = ask_registries(session);
  if (!registries) return registries.error();
  if (auto all = check_all_answered(session, *registries); !all) return all.error();
  std::vector<OutdatedRow> rows;
  std::string last;
  for (const runtimes::InstalledRuntime& runtime : installed->runtimes) {
    // Sorted: the newest of each name is the first.
    if (runtime.name.space != installed->space || runtime.name.name == last) continue;
    last = runtime.name.name;
    const auto mine = find_in_registries(*registries, {"", last, runtime.name.version});
    const auto newest = find_in_registries(*registries, {"", last, ""});
    OutdatedRow row{last, runtime.name.version, "", "", mine && mine->release.yanked};
    if (newest && newest->release.version > *parse_runtime_version(runtime.name.version)) {
      row.latest = to_string(newest->release.version);
      row.registry = newest->registry->configured.name;
    }
    if (row.yanked || !row.latest.empty()) rows.push_back(row);
  }
  if (rows.empty() && options.format == OutputFormat::kTable)
    session.say("every installed runtime is the newest that the registries have");
  else
    session.out(render_outdated(rows, options.format));
  return rows.empty() ? 0 : 1;
}

}  // namespace unik::cli
