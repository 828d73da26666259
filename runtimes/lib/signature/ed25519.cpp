#include "runtimes/lib/signature/ed25519.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "api/check.hpp"

namespace unik::runtimes {
namespace {

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using ContextPointer = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

KeyPointer private_key(const Ed25519Seed& seed) {
  KeyPointer key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()), EVP_PKEY_free);
  UNIK_CHECK(key != nullptr, "OpenSSL has no Ed25519");
  return key;
}

const unsigned char* bytes_in(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Ed25519Public ed25519_public(const Ed25519Seed& seed) {
  const KeyPointer key = private_key(seed);
  Ed25519Public bytes;
  std::size_t size = bytes.size();
  UNIK_CHECK(EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) == 1 && size == bytes.size(),
             "OpenSSL gave no public key");
  return bytes;
}

Ed25519Signature ed25519_sign(const Ed25519Seed& seed, std::string_view message) {
  const KeyPointer key = private_key(seed);
  const ContextPointer context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Ed25519Signature signature;
  std::size_t size = signature.size();
  UNIK_CHECK(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                 EVP_DigestSign(context.get(), signature.data(), &size, bytes_in(message), message.size()) == 1 &&
                 size == signature.size(),
             "OpenSSL did not sign");
  return signature;
}

bool ed25519_verify(const Ed25519Public& bytes, const Ed25519Signature& signature, std::string_view message) {
  const KeyPointer key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()),
                       EVP_PKEY_free);
  const ContextPointer context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  UNIK_CHECK(key != nullptr && context != nullptr, "OpenSSL has no Ed25519");
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes_in(message), message.size()) == 1;
}

void fill_random(std::span<std::uint8_t> into) {
  UNIK_CHECK(RAND_bytes(into.data(), static_cast<int>(into.size())) == 1, "the system gave no randomness");
}

struct Blake2b::State {
  ContextPointer context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Blake2b::Blake2b() : state_(std::make_unique<State>()) {
  UNIK_CHECK(state_->context != nullptr && EVP_DigestInit_ex(state_->context.get(), EVP_blake2b512(), nullptr) == 1,
             "OpenSSL has no BLAKE2b");
}
Blake2b::Blake2b(Blake2b&&) noexcept = default;
Blake2b& Blake2b::operator=(Blake2b&&) noexcept = default;
Blake2b::~Blake2b() = default;

void Blake2b::update(std::string_view bytes) {
  UNIK_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "BLAKE2b refused bytes");
}

std::array<std::uint8_t, 64> Blake2b::finish() {
  std::array<std::uint8_t, 64> digest;
  unsigned size = 0;
  UNIK_CHECK(EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size) == 1 && size == digest.size(),
             "BLAKE2b did not finish");
  return digest;
}

}  // namespace unik::runtimes
