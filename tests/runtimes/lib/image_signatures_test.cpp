// Signatures of images in a store: who is believed, and how long a signature stays.
#include "runtimes/lib/signature/image_signatures.hpp"

#include <gmock/gmock.h>

#include "runtimes/lib/oci/image_facts.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::HasSubstr;

SecretKey key(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return key_of(bytes, {1, 2, 3, 4, 5, 6, 7, seed});
}

std::vector<std::string> lines(std::initializer_list<SecretKey> keys) {
  std::vector<std::string> lines;
  for (const SecretKey& one : keys) lines.push_back(key_line(one.public_key));
  return lines;
}

class ImageSignatures : public LibTest {
 protected:
  Digest put_image(const BlobStore& blobs, const std::string& name, const std::string& content) {
    Manifest manifest;
    const auto config = blobs.put(print_image_config({}));
    const auto layer = blobs.put(content);
    manifest.config = {std::string(kConfigMediaType), config->digest, config->size, {}};
    manifest.layers = {{std::string(kLayerTarMediaType), layer->digest, layer->size, {}}};
    const auto blob = blobs.put(print_manifest(manifest));
    EXPECT_OK(blobs.set_image({name, {std::string(kManifestMediaType), blob->digest, blob->size, {}}}));
    return blob->digest;
  }
  void sign_with(const BlobStore& blobs, const Digest& image, const SecretKey& by) {
    EXPECT_OK(add_image_signature(blobs, image, sign_image(by, *blobs.read(image))));
  }
  std::string reason(const BlobStore& blobs, const Digest& image, const std::vector<std::string>& keys) {
    const auto checked = check_signatures(blobs, "web", image, keys);
    return checked ? "signed by " + to_string(checked->id) : checked.error().reason;
  }
};

TEST_F(ImageSignatures, OneOfTheTrustedKeysIsEnough) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  EXPECT_EQ(reason(blobs, web, lines({key(1)})), "unsigned_image");
  sign_with(blobs, web, key(1));
  EXPECT_EQ(reason(blobs, web, lines({key(1)})), "signed by " + to_string(key(1).public_key.id));
  EXPECT_EQ(reason(blobs, web, lines({key(2)})), "unsigned_image");
  // A key is rotated: both are trusted for a while, then the image is signed anew, then the old one goes.
  EXPECT_EQ(reason(blobs, web, lines({key(2), key(1)})), "signed by " + to_string(key(1).public_key.id));
  sign_with(blobs, web, key(2));
  EXPECT_EQ(reason(blobs, web, lines({key(2)})), "signed by " + to_string(key(2).public_key.id));
  EXPECT_EQ(image_signatures(blobs, web)->size(), 2u);
  sign_with(blobs, web, key(2));
  EXPECT_EQ(image_signatures(blobs, web)->size(), 2u) << "signing again changes nothing";
}

TEST_F(ImageSignatures, WhatWasNotFoundIsNamed) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  const auto none = check_signatures(blobs, "web", web, lines({key(1)}));
  EXPECT_THAT(none.error().message, HasSubstr("(" + to_string(key(1).public_key.id) + "), found none"));
  sign_with(blobs, web, key(3));
  const auto other = check_signatures(blobs, "web", web, lines({key(1)}));
  EXPECT_THAT(other.error().message, HasSubstr("found only by " + to_string(key(3).public_key.id)));
  EXPECT_EQ(reason(blobs, web, {"RWrubbish"}), "bad_public_key");
}

TEST_F(ImageSignatures, OneOfAnotherImageIsRefused) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app"), evil = put_image(blobs, "evil", "other app");
  ASSERT_OK(add_image_signature(blobs, evil, sign_image(key(1), *blobs.read(web))));
  EXPECT_EQ(reason(blobs, evil, lines({key(1)})), "wrong_signature");
  sign_with(blobs, evil, key(1));
  EXPECT_EQ(reason(blobs, evil, lines({key(1)})), "signed by " + to_string(key(1).public_key.id))
      << "a wrong one beside a right one takes nothing from it";
}

// Another key with the id of the trusted one: ids are chosen by who makes the key.
TEST_F(ImageSignatures, AnIdProvesNothing) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  std::array<std::uint8_t, 32> seed{};
  sign_with(blobs, web, key_of(seed, key(1).public_key.id));
  EXPECT_EQ(reason(blobs, web, lines({key(1)})), "wrong_signature");
}

TEST_F(ImageSignatures, ATamperedSignatureIsRefusedAndADamagedOneIsNone) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  FileSignature signature = sign_image(key(1), *blobs.read(web));
  signature.signature[5] ^= 1;
  ASSERT_OK(add_image_signature(blobs, web, signature));
  EXPECT_EQ(reason(blobs, web, lines({key(1)})), "wrong_signature");
  signature = sign_image(key(2), *blobs.read(web));
  const auto artifact = add_image_signature(blobs, web, signature);
  ASSERT_OK(artifact);
  write_file(blobs.blob_path(blobs.manifest(artifact->digest)->layers.front().digest), "damaged");
  EXPECT_EQ(reason(blobs, web, lines({key(2)})), "unsigned_image");
}

TEST_F(ImageSignatures, MinisignVerifiesOursAndWeItsOwn) {
  ASSERT_TRUE(have("minisign")) << "test.sh installs it";
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  sign_with(blobs, web, key(1));
  write_file(dir_ / "ours", print_signature(image_signatures(blobs, web)->front().signature));
  int code = 1;
  const std::string file = " -m " + blobs.blob_path(web).string();
  const std::string seen =
      shell("minisign -V" + file + " -x " + (dir_ / "ours").string() + " -P " + key_line(key(1).public_key), &code);
  EXPECT_EQ(code, 0) << seen;
  EXPECT_THAT(seen, HasSubstr("image " + to_string(web)));
  write_file(dir_ / "key", print_secret_key(key(2)));
  const std::string made =
      shell("minisign -S" + file + " -x " + (dir_ / "theirs").string() + " -s " + (dir_ / "key").string(), &code);
  ASSERT_EQ(code, 0) << made;
  ASSERT_OK(add_image_signature(blobs, web, *parse_signature(slurp(dir_ / "theirs"))));
  EXPECT_EQ(reason(blobs, web, lines({key(2)})), "signed by " + to_string(key(2).public_key.id));
}

TEST_F(ImageSignatures, StayAsLongAsTheImageAndAreNoImage) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  sign_with(blobs, web, key(1));
  EXPECT_EQ(blobs.images()->size(), 1u);
  EXPECT_EQ(image_facts(blobs, blobs.images()->front())->signed_by,
            std::vector<std::string>{to_string(key(1).public_key.id)});
  ASSERT_OK(blobs.collect_garbage());
  EXPECT_EQ(reason(blobs, web, lines({key(1)})), "signed by " + to_string(key(1).public_key.id));
  ASSERT_OK(blobs.remove_image("web"));
  ASSERT_OK(blobs.collect_garbage());
  EXPECT_TRUE(blobs.list()->empty());
  EXPECT_TRUE(fs::is_empty(blobs.dir() / "referrers"));
}

// As a controller collects: what was uploaded lately stays though nothing needs it yet, with who vouches for it.
TEST_F(ImageSignatures, OfAnImageThatStaysForAWhileStayAsLong) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  sign_with(blobs, web, key(1));
  ASSERT_OK(blobs.remove_image("web"));
  ASSERT_OK(blobs.collect_garbage({}, WallTime{}));  // all was written after that
  EXPECT_EQ(reason(blobs, web, lines({key(1)})), "signed by " + to_string(key(1).public_key.id));
  ASSERT_OK(blobs.collect_garbage({}, WallTime(std::chrono::hours(24 * 365 * 200))));
  EXPECT_TRUE(blobs.list()->empty());
  EXPECT_TRUE(fs::is_empty(blobs.dir() / "referrers"));
}

TEST_F(ImageSignatures, AreBounded) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  for (std::size_t i = 0; i < kMaxReferrers; ++i) sign_with(blobs, web, key(static_cast<std::uint8_t>(i)));
  const auto one_more = add_image_signature(blobs, web, sign_image(key(200), *blobs.read(web)));
  EXPECT_EQ(one_more.error().reason, "too_many_referrers");
  EXPECT_EQ(image_signatures(blobs, web)->size(), kMaxReferrers);
}

TEST_F(ImageSignatures, AnArtifactSaysOfItselfWhatItIs) {
  const BlobStore blobs = store();
  const Digest web = put_image(blobs, "web", "app");
  const auto artifact = add_image_signature(blobs, web, sign_image(key(1), *blobs.read(web)));
  ASSERT_OK(artifact);
  const auto manifest = blobs.manifest(artifact->digest);
  ASSERT_OK(manifest);
  EXPECT_EQ(parse_manifest(print_manifest(*manifest)).value(), *manifest);
  EXPECT_OK(signature_layer(*manifest, web));
  EXPECT_EQ(signature_layer(*manifest, sha256("another")).error().reason, "bad_signature");
  EXPECT_EQ(signature_layer(*blobs.manifest(web), web).error().reason, "bad_signature");
}

}  // namespace
}  // namespace unik::runtimes
