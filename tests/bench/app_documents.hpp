// The App manifests that benchmarks work on: alike in shape, each with its own name, image and environment.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace unik::bench {

// `tenants` of 0 leaves the tenant to the default one. The text begins with its `---`.
std::string app_document(std::size_t index, std::string_view digest_hex, std::size_t tenants, std::size_t replicas);

}  // namespace unik::bench
