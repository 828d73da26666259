#include "controller/http/artifact_keeper.hpp"

#include <utility>
#include <vector>

#include "runtimes/lib/oci/reference.hpp"
#include "wire/clock.hpp"
#include "wire/log.hpp"

namespace unik::controller {
namespace {

constexpr Duration kSweepEvery = std::chrono::hours(1);

}  // namespace

Result<runtimes::BlobStore::Collected> sweep_artifacts(const runtimes::BlobStore& artifacts, const World& world,
                                                       WallTime unused_since) {
  if (world.history_lost || world.cluster.history_lost || !world.strays.empty())
    return runtimes::BlobStore::Collected{};
  // A source is no image: as long as somebody waits for its build it counts as just uploaded.
  for (const auto& [key, nothing] : world.unfinished_builds)
    if (const auto source = runtimes::parse_digest((*world.operations.find(key))->build->app.spec.source); source)
      artifacts.renew(*source);
  std::vector<runtimes::Digest> needed;
  for (const auto& [key, boot] : world.templates)
    if (const auto image = runtimes::parse_reference(boot->image); image) needed.push_back(image->digest);
  return artifacts.collect_garbage(needed, unused_since);
}

ArtifactKeeper::ArtifactKeeper(runtimes::BlobStore artifacts, CurrentWorld world, Duration unused)
    : artifacts_(std::move(artifacts)),
      world_(std::move(world)),
      unused_(unused),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void ArtifactKeeper::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto swept = sweep_artifacts(artifacts_, *world_(), wire::read_clock().wall - unused_);
    // Busy: somebody uploads, and the next hour will do.
    if (!swept && swept.error().reason != "store_busy")
      wire::log(wire::LogLevel::kWarning, "artifacts", "cannot free what no app needs",
                {{"error", to_string(swept.error())}});
    if (swept && swept->blobs > 0)
      wire::log(wire::LogLevel::kInfo, "artifacts", "freed what no app needs",
                {{"blobs", swept->blobs}, {"bytes", swept->bytes}});
    if (swept && !swept->unreadable.empty())
      wire::log(wire::LogLevel::kWarning, "artifacts", "images that apps name have no manifest that can be read",
                {{"images", swept->unreadable.size()}, {"first", to_string(swept->unreadable.front())}});
    wake_.wait_for(lock, stop, kSweepEvery, [] { return false; });
  }
}

}  // namespace unik::controller
