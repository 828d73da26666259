// Where a registry of runtimes keeps its things in an OCI namespace. Pure.
//
//   oci://HOST/SPACE                  the registry; its registry.json is the artifact HOST/SPACE:registry.json
//   oci://HOST/SPACE/NAME:VERSION     a package
#pragma once

#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/oci/reference.hpp"

namespace unik::runtimes {

bool is_oci_url(std::string_view url);

// The registry file of a namespace. Errors: `invalid/bad_registry_url`.
Result<ImageName> oci_registry_file(std::string_view url);

// A package. OCI registries take fewer names than runtimes may have: separators stand alone, `a..b` is none. Errors:
// `invalid/bad_download_url`.
Result<ImageName> oci_package(std::string_view url);

// `SPACE/NAME:VERSION`
std::string oci_package_url(std::string_view space, const std::string& name, const std::string& version);

}  // namespace unik::runtimes
