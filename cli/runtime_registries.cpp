#include "cli/runtime_registries.hpp"

#include <fmt/format.h>

#include <string>

#include "cli/output/images.hpp"
#include "cli/progress.hpp"
#include "cli/runtime_settings.hpp"
#include "cli/runtimes.hpp"
#include "cli/signing_keys.hpp"

namespace unik::cli {
namespace {

// In one line; empty: none is.
std::string enabled_registries(const RuntimeSettings& settings) {
  std::string names;
  for (const runtimes::ConfiguredRegistry& one : settings.registries)
    if (one.enabled) names += (names.empty() ? "" : ", ") + one.name;
  return names;
}

}  // namespace

Result<runtimes::InstallPlaces> install_places(const Session& session, const runtimes::BlobStore& store) {
  auto space = runtime_space(session);
  if (!space) return space.error();
  return runtimes::InstallPlaces{store,
                                 home_of(session.environment()) / "runtimes",
                                 cache_of(session.environment()) / "downloads",
                                 *std::move(space),
                                 session.environment().variables,
                                 [&session](const std::string& text) { session.say(text); },
                                 {}};
}

Result<std::vector<runtimes::FetchedRegistry>> ask_registries(const Session& session) {
  const auto settings = read_runtime_settings(session.environment());
  if (!settings) return settings.error();
  auto fetched =
      fetch_registries(settings->registries, cache_of(session.environment()) / "registries",
                       session.environment().variables, [&session](const std::string& text) { session.warn(text); });
  if (const std::string enabled = enabled_registries(*settings); fetched.empty() && !enabled.empty())
    return unavailable("no_registry", "want an answer of one of the registries that are enabled, none came of " +
                                          enabled + "; the warnings say why");
  return fetched;
}

Result<std::vector<runtimes::FetchedRegistry>> ask_registry(const Session& session, const std::string& url,
                                                            const std::string& key) {
  runtimes::ConfiguredRegistry registry{url, url, true, {}};
  if (url.find(':') == std::string::npos)
    registry.url = (session.environment().working_dir / url).lexically_normal().string();
  if (!key.empty()) {
    auto trusted = read_public_key(session, key);
    if (!trusted) return std::move(trusted).error();
    registry.public_key = *trusted;
  }
  auto fetched =
      fetch_registry(registry, cache_of(session.environment()) / "registries", session.environment().variables);
  if (!fetched) return std::move(fetched).error();
  return std::vector{*std::move(fetched)};
}

Result<runtimes::InstalledRelease> install_runtime(const Session& session, const runtimes::BlobStore& store,
                                                   const std::vector<runtimes::FetchedRegistry>& registries,
                                                   const RuntimeName& wanted) {
  const auto found = find_in_registries(registries, wanted);
  if (!found) return found.error();
  auto places = install_places(session, store);
  if (!places) return places.error();
  const runtimes::ConfiguredRegistry& registry = found->registry->configured;
  const std::string what = found->name + "@" + to_string(found->release.version);
  if (found->release.yanked) session.warn(what + " was yanked: its publisher says that it is bad");
  Progress line(session.terminal());
  if (session.terminal().live_err)
    places->progress = [&](const runtimes::DownloadProgress& progress) {
      line.show(fmt::format("install {}: {} of {}", what, format_size(progress.done), format_size(progress.size)));
    };
  auto installed = install_release(*places, *found);
  line.clear();
  if (!installed || installed->was_there) return installed;
  const std::string trust = registry.public_key ? "signed by key " + to_string(registry.public_key->id)
                                                : "not signed by a key that you trust";
  session.say(
      fmt::format("install {}: {} from registry {}, {}", what, format_size(found->release.size), registry.name, trust));
  return installed;
}

Result<runtimes::RegistryAnswer> install_from_registries(const Session& session, const runtimes::BlobStore& store,
                                                         const RuntimeName& wanted) {
  const auto settings = read_runtime_settings(session.environment());
  if (!settings) return settings.error();
  if (enabled_registries(*settings).empty())
    return runtimes::RegistryAnswer{false, "no registry (config.yaml names none)"};
  const auto registries = ask_registries(session);
  // A source of this host may do as well.
  if (!registries && registries.error().reason == "no_registry")
    return runtimes::RegistryAnswer{false, "the registries (" + registries.error().message + ")"};
  if (!registries) return registries.error();
  const auto found = find_in_registries(*registries, wanted);
  if (!found) return runtimes::RegistryAnswer{false, "the registries (" + found.error().message + ")"};
  const auto installed = install_runtime(session, store, *registries, wanted);
  if (!installed) return installed.error();
  return runtimes::RegistryAnswer{true, {}};
}

}  // namespace unik::cli
