// Images between this host's store and registries, with credentials of the user and progress on stderr.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/session.hpp"
#include "runtimes/lib/registry/transfer.hpp"

namespace unik::cli {

struct RegistryFlags {
  std::string platform = "linux/amd64";  // OS/ARCHITECTURE
  bool plain_http = false;
};

// `OS/ARCHITECTURE`. Errors: `invalid/usage`.
Result<runtimes::Platform> parse_platform(const std::string& text);

// A client for the registry of `name`, with what ~/.docker/config.json says of it.
Result<std::unique_ptr<runtimes::RegistryClient>> open_registry(const Session& session, const runtimes::ImageName& name,
                                                                const RegistryFlags& flags);

// Errors: `invalid/usage` for a platform that is none.
Result<runtimes::PulledImage> pull(const Session& session, const runtimes::BlobStore& store,
                                   const runtimes::ImageName& name, const RegistryFlags& flags);

Result<runtimes::Digest> push(const Session& session, const runtimes::BlobStore& store, const runtimes::Digest& image,
                              const runtimes::ImageName& name, const RegistryFlags& flags,
                              const std::vector<std::string>& mount_from = {});

}  // namespace unik::cli
