#include "cli/registries.hpp"

#include <fmt/format.h>

#include "cli/output/images.hpp"
#include "cli/progress.hpp"

namespace unik::cli {
namespace {

// Drawn over on a terminal; elsewhere only the end is told, since a line for each step would bury everything else.
runtimes::OnProgress shower(Progress& line, const Session& session, const std::string& what) {
  if (!session.terminal().live_err) return {};
  return [&line, what](const runtimes::TransferProgress& progress) {
    line.show(fmt::format("{}: {} of {} blobs, {} of {}", what, progress.blobs_done, progress.blobs,
                          format_size(progress.bytes_done), format_size(progress.bytes)));
  };
}

// `moved`: `sent` or `fetched`.
void tell(const Session& session, const std::string& what, const char* moved,
          const runtimes::TransferProgress& progress) {
  session.say(fmt::format("{}: {} {}, {} {}{}", what, progress.blobs, progress.blobs == 1 ? "blob" : "blobs",
                          format_size(progress.bytes_done), moved,
                          progress.reused > 0 ? fmt::format(", {} were there", progress.reused) : ""));
}

}  // namespace

Result<runtimes::Platform> parse_platform(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == text.size())
    return invalid("usage", "--platform: want OS/ARCHITECTURE, as in linux/amd64, got `" + text + "`");
  return runtimes::Platform{text.substr(0, slash), text.substr(slash + 1)};
}

Result<std::unique_ptr<runtimes::RegistryClient>> open_registry(const Session& session, const runtimes::ImageName& name,
                                                                const RegistryFlags& flags) {
  auto credentials = runtimes::read_credentials(session.environment().variables, name.registry);
  if (!credentials) return credentials.error();
  runtimes::RegistryOptions options;
  options.credentials = *std::move(credentials);
  options.plain_http = flags.plain_http;
  return std::make_unique<runtimes::RegistryClient>(name, std::move(options));
}

Result<runtimes::PulledImage> pull(const Session& session, const runtimes::BlobStore& store,
                                   const runtimes::ImageName& name, const RegistryFlags& flags) {
  const auto platform = parse_platform(flags.platform);
  if (!platform) return platform.error();
  const auto client = open_registry(session, name, flags);
  if (!client) return client.error();
  const std::string what = "pull " + to_string(name);
  Progress line(session.terminal());
  auto pulled = pull_image(**client, store, name, *platform, shower(line, session, what));
  line.clear();
  if (pulled) tell(session, what, "fetched", pulled->progress);
  return pulled;
}

Result<runtimes::Digest> push(const Session& session, const runtimes::BlobStore& store, const runtimes::Digest& image,
                              const runtimes::ImageName& name, const RegistryFlags& flags,
                              const std::vector<std::string>& mount_from) {
  const auto client = open_registry(session, name, flags);
  if (!client) return client.error();
  const std::string what = "push " + to_string(name);
  Progress line(session.terminal());
  runtimes::TransferProgress last;
  const auto show = shower(line, session, what);
  auto pushed = push_image(**client, store, image, name, mount_from, [&](const runtimes::TransferProgress& progress) {
    last = progress;
    if (show) show(progress);
  });
  line.clear();
  if (pushed) tell(session, what, "sent", last);
  return pushed;
}

}  // namespace unik::cli
