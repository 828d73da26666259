#include "runtimes/lib/signature/base64.hpp"

#include <openssl/evp.h>

namespace unik::runtimes {

std::string to_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  for (std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0; padding > 0; --padding)
    bytes.pop_back();
  // OpenSSL forgives spaces around and bits that padding drops; an exact text comes back as itself.
  if (to_base64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace unik::runtimes
