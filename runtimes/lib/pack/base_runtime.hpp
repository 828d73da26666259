// Where the product's own kernels and base root lie on this host: the directory that `runtimes/base/build.sh` lays out.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"

namespace unik::runtimes {

// Both kernels are optional, at least one is there.
struct BaseRuntime {
  std::filesystem::path dir;
  std::optional<std::filesystem::path> kernel_up;   // boot/vmlinux-up
  std::optional<std::filesystem::path> kernel_smp;  // boot/vmlinux-smp
  std::filesystem::path root;                       // root/: init and the empty mount points

  bool operator==(const BaseRuntime&) const = default;
};

// What the rim knows of the places; unset ones are skipped.
struct BaseRuntimePlaces {
  std::optional<std::filesystem::path> wanted;      // an option or UNIKCTL_BASE_RUNTIME: nothing else is tried
  std::optional<std::filesystem::path> home;        // $UNIKCTL_HOME: `runtimes/base` below it
  std::optional<std::filesystem::path> build_tree;  // where this build was configured: `runtimes/base` below it
};

// From the environment and the program's own place (`<build>/bin/PROGRAM`); `home` is the caller's $UNIKCTL_HOME.
BaseRuntimePlaces base_runtime_places(const std::filesystem::path& home);

// The first place that holds one. Errors: `not_found/no_base_runtime`, listing what was tried and what to run.
Result<BaseRuntime> find_base_runtime(const BaseRuntimePlaces& places);

}  // namespace unik::runtimes
