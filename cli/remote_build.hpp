// A source that the control plane builds: sent as one bundle, built there as an operation, followed by its log.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/operation.hpp"
#include "cli/api.hpp"
#include "cli/session.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::cli {

// The bundle of a directory, in a place that goes with it.
class Bundle {
 public:
  // Errors: those of put_source_bundle and of the store.
  static Result<std::unique_ptr<Bundle>> make(const Session& session, const std::filesystem::path& directory,
                                              const codec::UnikYaml& recipe);

  std::string digest() const { return to_string(blob_.digest); }
  // Sends it, unless the control plane has it. What is cut off half-way leaves nothing there: the next call sends it
  // anew.
  Result<void> send(const Session& session, const Api& api) const;

 private:
  Bundle(runtimes::BlobStore::Hold hold, std::filesystem::path place)
      : hold_(std::move(hold)), place_(std::move(place)) {}

  const runtimes::BlobStore::Hold hold_;  // of the home's images, whose collector sweeps what is left in there
  const runtimes::ScratchDirectory place_;
  std::optional<runtimes::BlobStore> store_;
  runtimes::BlobInfo blob_;
};

// Passes on what the build says, from its beginning, until it has ended; a control plane that restarts is waited for.
// `show` returns false when nobody reads any more. Errors: `timeout`/`wait_timed_out`, those of the API.
Result<Operation> follow_build(const Api& api, const std::string& id, Duration timeout,
                               const std::function<bool(std::string_view)>& show);

}  // namespace unik::cli
