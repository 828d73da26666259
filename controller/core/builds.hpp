// Builds of sources that were sent instead of images, as operations: admitted, queued, begun one at a time, and turned
// into the deploy of what was built.
//
// Nothing of the app moves before its image is there. A build is of no use any more once the app has changed, has gone
// or is to be built anew: it fails as `superseded` or `destroyed`, so that an older source never replaces a newer one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "controller/core/plan.hpp"

namespace unik::controller {

// How often a build is begun before it is given up: a controller that goes down with it each time must come back.
inline constexpr std::uint32_t kMaxBuildAttempts = 5;
// Builds that wait or are under way.
inline constexpr std::size_t kMaxUnfinishedBuilds = 100;

struct BuildRequest {
  App app;              // with the digest of the uploaded bundle as its `source`
  std::string runtime;  // NAME[@VERSION]; empty: what the source says
  std::string actor;
  std::string trace_id;
  std::string image;  // what the same source was built to before, all of it among the artifacts; empty: build it
};

// What became of a build.
struct BuildOutcome {
  std::string image;           // `NAME@sha256:HEX`, all of it among the artifacts
  std::optional<Error> error;  // instead
};

// The App as it is declared with `image` in place of its source and of what that is built on.
App with_image(App app, std::string image);

// What the last build of the same source for the same app and runtime has made; empty where there was none that was
// done. Whether the image is still there is for the caller to know.
std::string built_image(const World& world, const BuildRequest& request);

// The app is checked as if its image were there, so that what could never be declared is not built. The same asked for
// again while it is not done is answered the same; another build for the app is superseded. With an image there is
// nothing to build: it is declared in this record. Errors: those of admit_apply, `exhausted/too_many_builds`.
Result<ApplyReply> admit_build(Draft& draft, const BuildRequest& request);

// Ends the build as its outcome says. What was built is declared with `deploy`'s rules, in the same record: what they
// refuse fails the build. Nothing when it has ended already.
void settle_build(Draft& draft, const OperationKey& key, const BuildOutcome& outcome);

// The builds of an app that are not done; there need be no such app yet.
std::vector<OperationKey> unfinished_builds_of(const World& world, const AppName& app);

// Ends them as `destroyed`, and returns them as they are then.
std::vector<Operation> destroy_builds(Draft& draft, const AppName& app);

// Fails the builds that nobody has a use for any more, and gives the oldest one its turn. `begun` is what this
// controller's builder is at: a running build that it is not at was interrupted, and is begun again.
void steer_builds(Draft& draft, const std::optional<OperationKey>& begun);

}  // namespace unik::controller
