// Builds sources on this host: runs the product's own `unikctl build` over an unpacked bundle, one at a time, and puts
// what it made among the artifacts.
//
// Building runs code of others as this user. It runs in a process group of its own, at the lowest priority, in a
// directory of its own, with a declared environment and a time limit; that keeps it from being in the way, not from
// doing harm. What a controller that was killed has left behind goes when the next one starts.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "controller/builds/build_logs.hpp"
#include "controller/ports.hpp"
#include "runtimes/lib/oci/blob_store.hpp"

namespace unik::controller {

inline constexpr Duration kBuildLimit = std::chrono::hours(1);

struct BuilderOptions {
  std::filesystem::path program;  // `unikctl`
  std::filesystem::path home;     // `images/` of it has the runtimes; `builds/` is for the builder alone
  std::map<std::string, std::string> environment;  // of this process: a build sees little of it (build_environment)
  Duration time_limit = kBuildLimit;
};

class Builder {
 public:
  // `post` brings events home; `logs` outlives the builder.
  Builder(BuilderOptions options, runtimes::BlobStore artifacts, BuildLogs& logs, std::function<void(Event)> post);
  // Ends the build that is under way, and waits for that.
  ~Builder();

  // As the effects of the same names ask. Never block.
  void begin(const BeginBuild& begin);
  void end(const EndBuild& end);

 private:
  void run(const std::stop_token& stop);
  BuildOutcome build(const Operation& operation, const std::stop_token& stop);
  Result<std::string> make(const Operation& operation, const std::filesystem::path& directory,
                           const std::stop_token& stop);
  Result<std::string> run_build(const Operation& operation, const std::filesystem::path& directory,
                                const std::stop_token& stop);
  Result<std::string> take_over(const Operation& operation, const std::string& built);

  const BuilderOptions options_;
  const runtimes::BlobStore artifacts_;
  BuildLogs& logs_;
  const std::function<void(Event)> post_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<BeginBuild> next_;
  std::optional<OperationKey> current_;
  std::stop_source cancel_;  // of `current_`
  std::jthread thread_;      // its end is asked for before the rest is gone
};

}  // namespace unik::controller
