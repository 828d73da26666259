// The label that marks an App whose root is that of somebody's container image, for people and for `status`: such a
// root may hold a shell, which nothing that unikctl builds does.
#pragma once

namespace unik::cli {

inline constexpr const char* kRootLabel = "unikctl.dev/root";
inline constexpr const char* kContainerRoot = "container";

}  // namespace unik::cli
