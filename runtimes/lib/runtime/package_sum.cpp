#include "runtimes/lib/runtime/package_sum.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/signature/base64.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kIntegrity = "sha512-";

std::string hex_of(const unsigned char* bytes, std::size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string bytes_of_hex(const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return bytes;
}

}  // namespace

PackageSum sum_of(const codec::LockedDebian& package) {
  return {SumKind::kSha256, package.sha256, static_cast<std::int64_t>(package.size)};
}

PackageSum sum_of(const codec::LockedNpm& package) {
  const std::string_view text = package.integrity;
  const std::string bytes =
      text.starts_with(kIntegrity) ? from_base64(text.substr(kIntegrity.size())).value_or("") : "";
  return {SumKind::kSha512, hex_of(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()),
          static_cast<std::int64_t>(package.size)};
}

Result<PackageSum> sum_file(const std::filesystem::path& path, SumKind kind) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  UNIK_CHECK(context != nullptr, "no memory for a hash");
  UNIK_CHECK(EVP_DigestInit_ex(context.get(), kind == SumKind::kSha256 ? EVP_sha256() : EVP_sha512(), nullptr) == 1,
             "OpenSSL has no SHA-2");
  PackageSum sum;
  sum.kind = kind;
  auto done = read_chunks(path, [&](std::string_view chunk) -> Result<void> {
    EVP_DigestUpdate(context.get(), chunk.data(), chunk.size());
    sum.size += static_cast<std::int64_t>(chunk.size());
    return {};
  });
  if (!done) return std::move(done).error();
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), bytes.data(), &size);
  sum.hex = hex_of(bytes.data(), size);
  return sum;
}

std::string integrity_of(const PackageSum& sum) {
  return std::string(kIntegrity) + to_base64(bytes_of_hex(sum.hex));
}

std::string to_string(const PackageSum& sum) {
  return std::string(sum.kind == SumKind::kSha256 ? "sha256/" : "sha512/") + sum.hex;
}

}  // namespace unik::runtimes
