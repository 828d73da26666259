// Signatures in minisign's format, held to Debian's own minisign in both directions.
#include "runtimes/lib/signature/minisign.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::HasSubstr;

SecretKey key(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return key_of(bytes, {1, 2, 3, 4, 5, 6, 7, seed});
}

class Minisign : public LibTest {
 protected:
  std::string at(const std::string& name) { return (dir_ / name).string(); }
  std::string run(const std::string& command, bool works = true) {
    int code = 0;
    std::string said = shell(command, &code);
    EXPECT_EQ(code == 0, works) << command << ": " << said;
    return said;
  }
};

TEST_F(Minisign, VerifiesOurs) {
  ASSERT_TRUE(have("minisign")) << "test.sh installs it";
  const SecretKey ours = generate_key();
  write_file(at("key.pub"), print_public_key(ours.public_key));
  write_file(at("file"), "some bytes");
  write_file(at("file.minisig"), print_signature(sign(ours, prehash("some bytes"), "runtime:lang@1.0.0")));
  EXPECT_THAT(run("minisign -Vm " + at("file") + " -p " + at("key.pub")), HasSubstr("runtime:lang@1.0.0"));
  run("minisign -Vm " + at("file") + " -P " + key_line(ours.public_key));
  write_file(at("file"), "other bytes");
  run("minisign -Vm " + at("file") + " -p " + at("key.pub"), false);
}

TEST_F(Minisign, SignsWithOurKey) {
  const SecretKey ours = generate_key();
  write_file(at("key"), print_secret_key(ours));
  write_file(at("file"), "some bytes");
  run("minisign -Sm " + at("file") + " -s " + at("key") + " -t 'by hand'");
  const auto signature = parse_signature(slurp(at("file.minisig")));
  ASSERT_OK(signature);
  EXPECT_EQ(signature->trusted_comment, "by hand");
  EXPECT_OK(verify(*signature, prehash("some bytes"), ours.public_key, "file"));
}

TEST_F(Minisign, IsVerifiedHere) {
  run("minisign -G -W -p " + at("key.pub") + " -s " + at("key"));
  write_file(at("file"), std::string(1 << 20, 'x'));
  run("minisign -Sm " + at("file") + " -s " + at("key"));
  const auto trusted = parse_public_key(slurp(at("key.pub")));
  ASSERT_OK(trusted);
  const auto signature = parse_signature(slurp(at("file.minisig")));
  ASSERT_OK(signature);
  EXPECT_OK(verify(*signature, *prehash_file(at("file")), *trusted, "file"));
  const auto theirs = parse_secret_key(slurp(at("key")));
  ASSERT_OK(theirs);
  EXPECT_EQ(theirs->public_key, *trusted);
  // A key file that minisign wrote is the one that we would write, but for its comment.
  const auto second_line = [](const std::string& text) { return text.substr(text.find('\n')); };
  EXPECT_EQ(second_line(print_secret_key(*theirs)), second_line(slurp(at("key"))));
  run("minisign -S -l -x " + at("legacy") + " -m " + at("file") + " -s " + at("key"));
  EXPECT_THAT(parse_signature(slurp(at("legacy"))).error().message, HasSubstr("sign without `-l`"));
}

TEST_F(Minisign, KeysWithAPasswordAreRefused) {
  write_file(at("answers"), "secret\nsecret\n");
  run("minisign -G -p " + at("key.pub") + " -s " + at("key") + " <" + at("answers"));
  const auto refused = parse_secret_key(slurp(at("key")));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("minisign -C -W"));
}

TEST(Signatures, HoldBytesAndComment) {
  const FileSignature good = sign(key(1), prehash("bytes"), "comment\nnever signed");
  EXPECT_EQ(good.trusted_comment, "comment");
  EXPECT_OK(verify(good, prehash("bytes"), key(1).public_key, "x"));
  EXPECT_EQ(verify(good, prehash("byteS"), key(1).public_key, "x").error().reason, "wrong_signature");
  FileSignature commented = good;
  commented.trusted_comment = "Comment";
  EXPECT_THAT(verify(commented, prehash("bytes"), key(1).public_key, "x").error().message,
              HasSubstr("its trusted comment is not the one that was signed"));
  const auto unknown = verify(good, prehash("bytes"), key(2).public_key, "lang.tar.gz");
  EXPECT_EQ(unknown.error().reason, "unknown_key");
  for (const char* part : {"lang.tar.gz: ", "by key 0207060504030201", "by key 0107060504030201"})
    EXPECT_THAT(unknown.error().message, HasSubstr(part));
  // Somebody who only copies the trusted key's id.
  FileSignature forged = sign(key(2), prehash("bytes"), "comment");
  forged.id = key(1).public_key.id;
  EXPECT_EQ(verify(forged, prehash("bytes"), key(1).public_key, "x").error().reason, "wrong_signature");
}

TEST(Signatures, AreReadAsTheyWerePrinted) {
  const FileSignature signature = sign(key(3), prehash("x"), "a comment: with a colon");
  EXPECT_EQ(*parse_signature(print_signature(signature)), signature);
  EXPECT_EQ(*parse_public_key(print_public_key(key(3).public_key)), key(3).public_key);
  EXPECT_EQ(*parse_public_key(key_line(key(3).public_key)), key(3).public_key);
  EXPECT_EQ(*parse_secret_key(print_secret_key(key(3))), key(3));
}

TEST(Signatures, SayWhatIsWrongWithATextAndNeverPrintAKey) {
  for (const char* text :
       {"", "untrusted comment: x\n", "untrusted comment: x\n!!!\n", "untrusted comment: x\nUkVE\n"}) {
    EXPECT_EQ(parse_signature(text).error().reason, "bad_signature");
    EXPECT_EQ(parse_public_key(text).error().reason, "bad_public_key");
    EXPECT_EQ(parse_secret_key(text).error().reason, "bad_secret_key");
  }
  const std::string secret = print_secret_key(key(4));
  std::string broken = secret;
  broken[broken.size() - 60] ^= 1;
  const auto refused = parse_secret_key(broken);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message.find(secret.substr(secret.find('\n') + 1, 20)), std::string::npos);
}

// No flipped bit of the base64 passes, whichever it is.
RC_GTEST_PROP(Signatures, AreRefusedOrUnchangedAfterOneChange, ()) {
  const FileSignature good = sign(key(5), prehash("bytes"), "comment");
  std::string text = print_signature(good);
  const auto at = *rc::gen::inRange<std::size_t>(text.find('\n') + 1, text.size() - 1);
  text[at] = *rc::gen::inRange<char>(32, 127);
  const auto parsed = parse_signature(text);
  if (!parsed || *parsed == good) return;
  RC_ASSERT(!verify(*parsed, prehash("bytes"), key(5).public_key, "x").ok());
}

}  // namespace
}  // namespace unik::runtimes
