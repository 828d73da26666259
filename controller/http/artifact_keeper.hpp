// Frees what no app needs of the uploaded images, on a thread of its own, once an hour.
//
// Needed is what the template of an app names, those that a rollback may go back to with it, and the source of a build
// that is not done. What nothing needs stays
// for a while all the same: an upload comes before the change that names it. Nothing is removed while the controller
// cannot know everything that is needed: after a restored backup, and while there are instances that nobody has
// declared.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "controller/core/world.hpp"
#include "runtimes/lib/oci/blob_store.hpp"

namespace unik::controller {

inline constexpr Duration kKeepArtifacts = std::chrono::hours(24);  // from the upload, or from the last question for it

// What came or was asked for since `unused_since` stays. Errors: those of BlobStore::collect_garbage.
Result<runtimes::BlobStore::Collected> sweep_artifacts(const runtimes::BlobStore& artifacts, const World& world,
                                                       WallTime unused_since);

class ArtifactKeeper {
 public:
  using CurrentWorld = std::function<std::shared_ptr<const World>()>;

  ArtifactKeeper(runtimes::BlobStore artifacts, CurrentWorld world, Duration unused);

 private:
  void run(const std::stop_token& stop);

  const runtimes::BlobStore artifacts_;
  const CurrentWorld world_;
  const Duration unused_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // its end is asked for before the rest is gone
};

}  // namespace unik::controller
