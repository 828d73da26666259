// SHA-256, the one hash by which content is named: blobs, layers, images and cached boot roots.
//
// Values only; no function here blocks except `sha256_file`, which reads the file.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::runtimes {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
};

// 64 lower-case hex digits: the file name of a blob.
std::string to_hex(const Digest& digest);

// `sha256:HEX`, as in manifests and references.
std::string to_string(const Digest& digest);

// `sha256:` and exactly 64 lower-case hex digits; anything else is `invalid/bad_digest`.
Result<Digest> parse_digest(std::string_view text);

// The streaming form. One object hashes one stream; after `finish` it must not be used.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::string_view bytes);
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(std::string_view bytes);

// Errors: `not_found/no_such_file`, `unavailable/read_failed`.
Result<Digest> sha256_file(const std::filesystem::path& path);

}  // namespace unik::runtimes
