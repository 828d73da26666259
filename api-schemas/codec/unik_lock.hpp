// `unik.lock`, beside `unik.yaml`: exactly what the image of an app was built on, so that the next build, on whatever
// host, is built on the same or says why not. Its schema is `uniklock.schema.json`.
#pragma once

#include <string>
#include <vector>

#include "api/result.hpp"
#include "codec/manifest.hpp"

namespace unik::codec {

inline constexpr std::size_t kMaxLockedRuntimes = 16;

struct LockedRuntime {
  std::string name;     // `python`, or `HOST/team/runtimes/python`
  std::string version;  // `1.0.0`
  std::string layer;    // `sha256:HEX` of its layer `runtime`: the same whatever kernel a host needs

  bool operator==(const LockedRuntime&) const = default;
};

struct UnikLock {
  int version = 1;
  std::vector<LockedRuntime> runtimes;  // sorted by name

  bool operator==(const UnikLock&) const = default;
};

// Every fault at once, with its place, as `invalid/bad_manifest`.
Result<UnikLock> parse_unik_lock(const ManifestText& text);

// Pretty JSON: the same lock is the same bytes, and a changed pin is a changed line.
std::string print_unik_lock(const UnikLock& lock);

}  // namespace unik::codec
