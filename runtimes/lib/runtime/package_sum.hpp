// What a package must be, byte for byte: its size and its SHA-256 (Debian) or SHA-512 (npm's `integrity`). Nothing is
// unpacked before it was compared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"

namespace unik::runtimes {

enum class SumKind : std::uint8_t { kSha256, kSha512 };

struct PackageSum {
  SumKind kind = SumKind::kSha256;
  std::string hex;
  std::int64_t size = 0;  // bytes

  bool operator==(const PackageSum&) const = default;
};

PackageSum sum_of(const codec::LockedDebian& package);
// An integrity that is no base64 gives a sum that nothing has.
PackageSum sum_of(const codec::LockedNpm& package);

// Errors: `not_found/no_such_file`, `unavailable/read_failed`.
Result<PackageSum> sum_file(const std::filesystem::path& path, SumKind kind);

// `sha512-BASE64` of a sum of that kind.
std::string integrity_of(const PackageSum& sum);

// `sha256/HEX`: where a cache keeps it, and how errors name it.
std::string to_string(const PackageSum& sum);

}  // namespace unik::runtimes
