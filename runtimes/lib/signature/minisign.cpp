#include "runtimes/lib/signature/minisign.hpp"

#include <algorithm>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/signature/base64.hpp"
#include "runtimes/lib/signature/ed25519.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kUntrusted = "untrusted comment: ";
constexpr std::string_view kTrusted = "trusted comment: ";
constexpr std::string_view kKeyAlgorithm = "Ed";     // of keys, and of signatures over the file itself
constexpr std::string_view kHashedAlgorithm = "ED";  // of signatures over its BLAKE2b-512
constexpr std::string_view kNoPassword = std::string_view("\0\0", 2);
constexpr std::string_view kChecksumAlgorithm = "B2";
constexpr std::size_t kPasswordParameters = 32 + 8 + 8;  // salt and limits; zero without a password
constexpr std::size_t kKeyChecksum = 32;                 // zero without a password

// The next line of `text`, which loses it. A carriage return at its end does not belong to it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Takes the first bytes off `bytes`; the caller has looked at its size.
template <std::size_t N>
std::array<std::uint8_t, N> take_bytes(std::string_view& bytes) {
  std::array<std::uint8_t, N> out;
  std::copy_n(bytes.begin(), N, out.begin());
  bytes.remove_prefix(N);
  return out;
}

template <std::size_t N>
std::string_view view_of(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

std::string comment_message(const FileSignature& signature) {
  return std::string(view_of(signature.signature)) + signature.trusted_comment;
}

}  // namespace

std::string to_string(const KeyId& id) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (auto byte = id.bytes.rbegin(); byte != id.bytes.rend(); ++byte) {
    text += kDigits[*byte >> 4];
    text += kDigits[*byte & 15];
  }
  return text;
}

Result<PublicKey> parse_public_key(std::string_view text) {
  const auto bad = [](const std::string& found) {
    return invalid("bad_public_key", "want a public key of minisign, a line of base64 that begins with `RW`, " + found);
  };
  if (text.starts_with(kUntrusted)) take_line(text);
  const auto decoded = from_base64(take_line(text));
  if (!decoded) return bad("found no base64");
  std::string_view bytes = *decoded;
  if (bytes.size() != kKeyAlgorithm.size() + sizeof(KeyId) + sizeof(PublicKey::key))
    return bad("found " + std::to_string(bytes.size()) + " bytes instead of 42");
  if (!bytes.starts_with(kKeyAlgorithm)) return bad("found another kind of key");
  bytes.remove_prefix(kKeyAlgorithm.size());
  PublicKey key;
  key.id.bytes = take_bytes<8>(bytes);
  key.key = take_bytes<32>(bytes);
  return key;
}

std::string key_line(const PublicKey& key) {
  return to_base64(std::string(kKeyAlgorithm) + std::string(view_of(key.id.bytes)) + std::string(view_of(key.key)));
}

std::string print_public_key(const PublicKey& key) {
  return std::string(kUntrusted) + "minisign public key " + to_string(key.id) + "\n" + key_line(key) + "\n";
}

Result<SecretKey> parse_secret_key(std::string_view text) {
  const auto bad = [](const std::string& found) {
    return invalid("bad_secret_key", "want a secret key of minisign or of `unikctl runtime key generate`, " + found);
  };
  if (!text.starts_with(kUntrusted)) return bad("found no line `untrusted comment:`");
  take_line(text);
  const auto decoded = from_base64(take_line(text));
  if (!decoded) return bad("found no base64");
  std::string_view bytes = *decoded;
  const std::size_t head = kKeyAlgorithm.size() + kNoPassword.size() + kChecksumAlgorithm.size();
  if (bytes.size() != head + kPasswordParameters + 8 + 32 + 32 + kKeyChecksum)
    return bad("found " + std::to_string(bytes.size()) + " bytes instead of 158");
  if (!bytes.starts_with(kKeyAlgorithm)) return bad("found another kind of key");
  bytes.remove_prefix(kKeyAlgorithm.size());
  if (!bytes.starts_with(kNoPassword))
    return bad("found one with a password; `minisign -C -W -s FILE` takes it off, and file permissions guard the key");
  bytes.remove_prefix(kNoPassword.size() + kChecksumAlgorithm.size() + kPasswordParameters);
  const KeyId id{take_bytes<8>(bytes)};
  const auto seed = take_bytes<32>(bytes);
  const SecretKey key = key_of(seed, id);
  if (take_bytes<32>(bytes) != key.public_key.key) return bad("found one whose halves do not belong together");
  return key;
}

std::string print_secret_key(const SecretKey& key) {
  std::string bytes;
  bytes.append(kKeyAlgorithm).append(kNoPassword).append(kChecksumAlgorithm).append(kPasswordParameters, '\0');
  bytes.append(view_of(key.public_key.id.bytes)).append(view_of(key.seed)).append(view_of(key.public_key.key));
  bytes.append(kKeyChecksum, '\0');
  return std::string(kUntrusted) + "minisign secret key " + to_string(key.public_key.id) + ", without a password\n" +
         to_base64(bytes) + "\n";
}

SecretKey generate_key() {
  std::array<std::uint8_t, 32> seed;
  KeyId id;
  fill_random(seed);
  fill_random(id.bytes);
  return key_of(seed, id);
}

SecretKey key_of(const std::array<std::uint8_t, 32>& seed, const KeyId& id) {
  return {{id, ed25519_public(seed)}, seed};
}

Result<FileSignature> parse_signature(std::string_view text) {
  const auto bad = [](const std::string& found) {
    return invalid("bad_signature", "want a signature of minisign, four lines, " + found);
  };
  if (!take_line(text).starts_with(kUntrusted)) return bad("found no line `untrusted comment:`");
  const auto decoded = from_base64(take_line(text));
  if (!decoded) return bad("found no base64 on the second");
  std::string_view bytes = *decoded;
  if (bytes.size() != kHashedAlgorithm.size() + 8 + 64)
    return bad("found " + std::to_string(bytes.size()) + " bytes instead of 74 on the second");
  if (bytes.starts_with(kKeyAlgorithm)) return bad("found a legacy one; sign without `-l`");
  if (!bytes.starts_with(kHashedAlgorithm)) return bad("found another kind of signature");
  bytes.remove_prefix(kHashedAlgorithm.size());
  FileSignature signature;
  signature.id.bytes = take_bytes<8>(bytes);
  signature.signature = take_bytes<64>(bytes);
  const std::string_view comment = take_line(text);
  if (!comment.starts_with(kTrusted)) return bad("found no line `trusted comment:`");
  signature.trusted_comment = comment.substr(kTrusted.size());
  const auto second = from_base64(take_line(text));
  if (!second || second->size() != 64) return bad("found no signature of the comment on the fourth");
  std::string_view rest = *second;
  signature.comment_signature = take_bytes<64>(rest);
  return signature;
}

std::string print_signature(const FileSignature& signature) {
  const std::string bytes = std::string(kHashedAlgorithm) + std::string(view_of(signature.id.bytes)) +
                            std::string(view_of(signature.signature));
  return std::string(kUntrusted) + "signature by key " + to_string(signature.id) + "\n" + to_base64(bytes) + "\n" +
         std::string(kTrusted) + signature.trusted_comment + "\n" + to_base64(view_of(signature.comment_signature)) +
         "\n";
}

Prehash prehash(std::string_view bytes) {
  Blake2b hash;
  hash.update(bytes);
  return hash.finish();
}

Result<Prehash> prehash_file(const std::filesystem::path& path) {
  Blake2b hash;
  auto done = read_chunks(path, [&](std::string_view bytes) -> Result<void> {
    hash.update(bytes);
    return {};
  });
  if (!done) return std::move(done).error();
  return hash.finish();
}

FileSignature sign(const SecretKey& key, const Prehash& hash, std::string_view trusted_comment) {
  FileSignature signature;
  signature.id = key.public_key.id;
  signature.signature = ed25519_sign(key.seed, view_of(hash));
  signature.trusted_comment = take_line(trusted_comment);
  signature.comment_signature = ed25519_sign(key.seed, comment_message(signature));
  return signature;
}

Result<void> verify(const FileSignature& signature, const Prehash& hash, const PublicKey& key, std::string_view what) {
  if (signature.id != key.id)
    return invalid("unknown_key", std::string(what) + ": want a signature by key " + to_string(key.id) +
                                      ", which is the trusted one, found one by key " + to_string(signature.id));
  if (!ed25519_verify(key.key, signature.signature, view_of(hash)))
    return invalid("wrong_signature", std::string(what) + ": want a signature of these very bytes by key " +
                                          to_string(key.id) + ", found one that is not; nothing of it was used");
  if (!ed25519_verify(key.key, signature.comment_signature, comment_message(signature)))
    return invalid("wrong_signature", std::string(what) + ": its trusted comment is not the one that was signed");
  return {};
}

}  // namespace unik::runtimes
