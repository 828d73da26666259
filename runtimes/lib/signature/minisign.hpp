// Signatures in minisign's format: Ed25519 over the BLAKE2b-512 of a file, with a trusted comment that is signed as
// well. What is written here, `minisign -V` verifies; what `minisign -S` writes, is verified here. Keys are its files,
// too.
//
// Values only; nothing here blocks except `prehash_file`. A secret key is never printed into an error.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::runtimes {

struct KeyId {
  std::array<std::uint8_t, 8> bytes{};

  bool operator==(const KeyId&) const = default;
};

struct PublicKey {
  KeyId id;
  std::array<std::uint8_t, 32> key{};

  bool operator==(const PublicKey&) const = default;
};

struct SecretKey {
  PublicKey public_key;
  std::array<std::uint8_t, 32> seed{};

  bool operator==(const SecretKey&) const = default;
};

struct FileSignature {
  KeyId id;
  std::array<std::uint8_t, 64> signature{};
  std::string trusted_comment;
  std::array<std::uint8_t, 64> comment_signature{};  // over `signature` and the trusted comment

  bool operator==(const FileSignature&) const = default;
};

// Of a key, in the order in which minisign shows it: `A7864B1072A3E09E`.
std::string to_string(const KeyId& id);

// The file, or its base64 line alone (`RWQ…`). Errors: `invalid/bad_public_key`.
Result<PublicKey> parse_public_key(std::string_view text);
// The base64 line; and the file around it.
std::string key_line(const PublicKey& key);
std::string print_public_key(const PublicKey& key);

// Errors: `invalid/bad_secret_key`; one with a password is refused, with how to take it off.
Result<SecretKey> parse_secret_key(std::string_view text);
std::string print_secret_key(const SecretKey& key);

// From the system's randomness.
SecretKey generate_key();
// The same seed and id give the same key.
SecretKey key_of(const std::array<std::uint8_t, 32>& seed, const KeyId& id);

// Errors: `invalid/bad_signature`; a legacy one, over the file itself, is refused.
Result<FileSignature> parse_signature(std::string_view text);
std::string print_signature(const FileSignature& signature);

// The BLAKE2b-512 of what is signed.
using Prehash = std::array<std::uint8_t, 64>;
Prehash prehash(std::string_view bytes);
// Errors: `not_found/no_such_file`, `unavailable/read_failed`.
Result<Prehash> prehash_file(const std::filesystem::path& path);

// `trusted_comment` is one line; what follows a line's end is cut.
FileSignature sign(const SecretKey& key, const Prehash& hash, std::string_view trusted_comment);

// `what` begins the message. Errors: `invalid/unknown_key` (made with another key; both are named),
// `invalid/wrong_signature` (other bytes, or another comment).
Result<void> verify(const FileSignature& signature, const Prehash& hash, const PublicKey& key, std::string_view what);

}  // namespace unik::runtimes
