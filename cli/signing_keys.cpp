#include "cli/signing_keys.hpp"

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::cli {
namespace {

constexpr Bytes kMaxKeyFile = kibibytes(16);

Result<std::string> read_key_file(const Session& session, const std::string& file) {
  return runtimes::read_file((session.environment().working_dir / file).lexically_normal(), kMaxKeyFile);
}

}  // namespace

Result<std::optional<runtimes::SecretKey>> read_signing_key(const Session& session, const std::string& file) {
  if (file.empty()) return std::optional<runtimes::SecretKey>();
  const auto text = read_key_file(session, file);
  if (!text) return text.error();
  auto key = runtimes::parse_secret_key(*text);
  if (!key) return key.error();
  return std::optional<runtimes::SecretKey>(*std::move(key));
}

Result<runtimes::PublicKey> read_public_key(const Session& session, const std::string& file_or_line) {
  if (auto key = runtimes::parse_public_key(file_or_line)) return key;
  const auto file = read_key_file(session, file_or_line);
  if (file) return runtimes::parse_public_key(*file);
  return invalid("bad_public_key", "want a file with a public key, or the line of base64 in it, got `" + file_or_line +
                                       "`, which is neither");
}

}  // namespace unik::cli
