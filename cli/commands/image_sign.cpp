// image sign|verify: who vouches for an image of this host's store, or of a registry.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/packing.hpp"
#include "cli/registries.hpp"
#include "cli/runtime_settings.hpp"
#include "cli/signing_keys.hpp"
#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/registry/signature_transfer.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::cli {
namespace {

constexpr std::size_t kBlobChunk = std::size_t{1} << 18;

struct SigningOptions {
  std::string image;
  std::string key;                // a secret one
  std::vector<std::string> keys;  // public ones
  RegistryFlags registry;
};

// `web@sha256:…`, whatever the user called it.
std::string full_name(const std::string& name, const runtimes::Digest& digest) {
  const auto parsed = runtimes::parse_image_name(name);
  return (parsed ? name_without_tag(*parsed) : name) + "@" + to_string(digest);
}

Result<int> sign_verb(const Session& session, const SigningOptions& options) {
  const auto key = read_signing_key(session, options.key);
  if (!key) return key.error();
  if (!*key) return invalid("usage", "want --key FILE, a secret key; `unikctl runtime key generate FILE` makes a pair");
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto image = find_image(*store, options.image);
  if (!image) return image.error();
  const auto signature = sign_stored_image(*store, image->manifest.digest, **key);
  if (!signature) return signature.error();
  session.out(full_name(image->name, image->manifest.digest) + ": signed by key " + to_string(signature->id) + "\n");
  return 0;
}

Result<std::vector<runtimes::PublicKey>> trusted_keys(const Session& session, const SigningOptions& options) {
  std::vector<runtimes::PublicKey> keys;
  for (const std::string& text : options.keys) {
    auto key = read_public_key(session, text);
    if (!key) return std::move(key).error();
    keys.push_back(*key);
  }
  if (!keys.empty()) return keys;
  const auto settings = read_runtime_settings(session.environment());
  if (!settings) return settings.error();
  if (settings->trusted_keys.empty())
    return invalid("no_trusted_key",
                   "want a public key to verify by, found none: give --key, or name `images: {trusted_keys: [RW…]}` "
                   "in config.yaml");
  return settings->trusted_keys;
}

// A signature vouches for digests; that the bytes on this disk still have them is for us to see.
Result<void> check_blob(const runtimes::BlobStore& store, const runtimes::Digest& digest) {
  auto reader = store.open_blob(digest);
  if (!reader) return reader.error();
  std::vector<char> buffer(kBlobChunk);
  for (;;) {
    const auto got = reader->read(buffer);
    if (!got) return got.error();
    if (*got == 0) return {};
  }
}

Result<void> check_blobs(const runtimes::BlobStore& store, const runtimes::Digest& image) {
  const auto manifest = store.manifest(image);
  if (!manifest) return manifest.error();
  if (auto whole = check_blob(store, manifest->config.digest); !whole) return whole;
  for (const runtimes::Descriptor& layer : manifest->layers)
    if (auto whole = check_blob(store, layer.digest); !whole) return whole;
  return {};
}

Result<int> say_signed(const Session& session, const std::string& what, const Result<runtimes::PublicKey>& by) {
  if (!by) return by.error();
  session.out(what + ": signed by key " + to_string(by->id) + "\n");
  return 0;
}

Result<int> verify_stored(const Session& session, const runtimes::BlobStore& store, const runtimes::NamedImage& image,
                          const std::vector<runtimes::PublicKey>& keys) {
  const runtimes::Digest& digest = image.manifest.digest;
  if (auto whole = check_blobs(store, digest); !whole) return whole.error();
  std::vector<std::string> lines;
  for (const runtimes::PublicKey& key : keys) lines.push_back(key_line(key));
  const std::string what = full_name(image.name, digest);
  return say_signed(session, what, check_signatures(store, what, digest, lines));
}

// Only what is signed is fetched: the manifest. Whoever pulls the image has the rest verified against it.
Result<int> verify_remote(const Session& session, const runtimes::ImageName& name, const RegistryFlags& flags,
                          const std::vector<runtimes::PublicKey>& keys) {
  const auto platform = parse_platform(flags.platform);
  if (!platform) return platform.error();
  const auto client = open_registry(session, name, flags);
  if (!client) return client.error();
  const auto manifest = remote_manifest(**client, name, *platform);
  if (!manifest) return manifest.error();
  const auto signatures = remote_signatures(**client, manifest->digest);
  if (!signatures) return signatures.error();
  const std::string what = name_without_tag(name) + "@" + to_string(manifest->digest);
  return say_signed(session, what, runtimes::check_signatures(what, manifest->text, *signatures, keys));
}

Result<int> verify_verb(const Session& session, const SigningOptions& options) {
  const auto keys = trusted_keys(session, options);
  if (!keys) return keys.error();
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto image = find_image(*store, options.image);
  if (image) return verify_stored(session, *store, *image, *keys);
  const auto name = runtimes::parse_image_name(options.image);
  if (!name || name->registry.empty()) return image.error();
  return verify_remote(session, *name, options.registry, *keys);
}

}  // namespace

void add_image_signing(CommandTree& tree, const VerbFlags& image) {
  const auto options = std::make_shared<SigningOptions>();
  VerbFlags sign = tree.add_below(image, "sign", "Sign an image of this host; the signature goes wherever it goes",
                                  [options](const Session& session) { return sign_verb(session, *options); });
  sign.word("image", options->image, "IMAGE", "NAME[:TAG], NAME@sha256:DIGEST or sha256:DIGEST", Need::kRequired);
  sign.text("--key", options->key, "FILE", "The secret key, as `runtime key generate` or minisign -W makes it");

  VerbFlags verify = tree.add_below(image, "verify", "Check the bytes of an image, and that a trusted key signed it",
                                    [options](const Session& session) { return verify_verb(session, *options); });
  verify.word("image", options->image, "IMAGE", "Of this host; where it has none such, of its registry",
              Need::kRequired);
  verify.list("--key", options->keys, "KEY",
              "A public key or its file; several: one of them (images.trusted_keys of config.yaml)");
  verify.text("--platform", options->registry.platform, "OS/ARCH", "Which image of an index (linux/amd64)");
  verify.flag("--plain-http", options->registry.plain_http,
              "Speak to the registry without TLS (loopback needs no flag)");
}

}  // namespace unik::cli
