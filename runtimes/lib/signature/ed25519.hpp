// Ed25519 and BLAKE2b-512, as OpenSSL does them: the only file that knows how it is asked.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace unik::runtimes {

using Ed25519Seed = std::array<std::uint8_t, 32>;
using Ed25519Public = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

Ed25519Public ed25519_public(const Ed25519Seed& seed);
Ed25519Signature ed25519_sign(const Ed25519Seed& seed, std::string_view message);
bool ed25519_verify(const Ed25519Public& key, const Ed25519Signature& signature, std::string_view message);

// The system's randomness; it never fails on a system that runs.
void fill_random(std::span<std::uint8_t> into);

// One object hashes one stream; after `finish` it must not be used.
class Blake2b {
 public:
  Blake2b();
  Blake2b(Blake2b&&) noexcept;
  Blake2b& operator=(Blake2b&&) noexcept;
  ~Blake2b();

  void update(std::string_view bytes);
  std::array<std::uint8_t, 64> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace unik::runtimes
