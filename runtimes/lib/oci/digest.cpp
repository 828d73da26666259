#include "runtimes/lib/oci/digest.hpp"

#include <openssl/evp.h>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kPrefix = "sha256:";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string to_hex(const Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(64);
  for (const std::uint8_t byte : digest.bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string to_string(const Digest& digest) {
  return std::string(kPrefix) + to_hex(digest);
}

Result<Digest> parse_digest(std::string_view text) {
  const auto bad = [&] {
    return invalid("bad_digest",
                   "want sha256: and 64 lower-case hex digits, got `" + std::string(text.substr(0, 80)) + "`");
  };
  if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + 64) return bad();
  Digest digest;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = hex_value(text[kPrefix.size() + 2 * i]);
    const int low = hex_value(text[kPrefix.size() + 2 * i + 1]);
    if (high < 0 || low < 0) return bad();
    digest.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

struct Sha256::State {
  EVP_MD_CTX* context = nullptr;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->context = EVP_MD_CTX_new();
  UNIK_CHECK(state_->context != nullptr, "no memory for a SHA-256 context");
  UNIK_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1, "OpenSSL has no SHA-256");
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  UNIK_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, "SHA-256 refused bytes");
}

Digest Sha256::finish() {
  Digest digest;
  unsigned length = 0;
  UNIK_CHECK(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), &length) == 1 && length == digest.bytes.size(),
             "SHA-256 did not finish");
  return digest;
}

Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Result<Digest> sha256_file(const std::filesystem::path& path) {
  Sha256 hash;
  auto done = read_chunks(path, [&](std::string_view bytes) -> Result<void> {
    hash.update(bytes);
    return {};
  });
  if (!done) return std::move(done).error();
  return hash.finish();
}

}  // namespace unik::runtimes
