#include "cli/manifest_files.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <istream>
#include <streambuf>

#include "tests/cli/simulated_controller.hpp"

namespace unik::cli {
namespace {

// A text without an end, which knows how much of it was taken.
class Endless : public std::streambuf {
 public:
  std::size_t taken = 0;

 private:
  std::streamsize xsgetn(char* to, std::streamsize size) override {
    for (std::streamsize i = 0; i < size; ++i) to[i] = "a: b\n"[i % 5];
    taken += static_cast<std::size_t>(size);
    return size;
  }
};

class ManifestFiles : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const auto path = controller.directory() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::string tenant(const std::string& name) {
    return "apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: " + name + "}\n";
  }
  RunResult validate(const std::string& path) { return run_unikctl(controller, {"validate", "-f", path}); }

  SimulatedController controller;
};

TEST_F(ManifestFiles, AnEndlessInputIsRefusedByNameAndNotKept) {
  const RunResult file = validate("/dev/zero");
  EXPECT_EQ(file.code, 2);
  EXPECT_NE(file.err.find("want manifests of at most 67108864 bytes together, `/dev/zero` goes beyond"),
            std::string::npos)
      << file.err;

  Endless endless;
  std::istream in(&endless);
  Terminal terminal;
  terminal.in = &in;
  const Session session(Environment{}, terminal, {}, {});
  const auto texts = read_manifest_files(session, {"-"});
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error().reason, "manifest_too_large");
  EXPECT_NE(texts.error().message.find("`-`"), std::string::npos);
  EXPECT_LT(endless.taken, codec::kMaxInputBytes + (std::size_t{1} << 20));
}

TEST_F(ManifestFiles, TheBoundIsOfAllInputsTogether) {
  write("big.yaml", std::string(codec::kMaxInputBytes / 2 + 1, '#'));
  Terminal terminal;
  const Session session(Environment{{}, controller.directory(), {}}, terminal, {}, {});
  EXPECT_TRUE(read_manifest_files(session, {"big.yaml"}));
  const auto twice = read_manifest_files(session, {"big.yaml", "big.yaml"});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().reason, "manifest_too_large");
}

TEST_F(ManifestFiles, OfADirectoryOtherJsonIsLeftOut) {
  write("m/package.json", R"({"name": "web", "version": "1.0.0"})");
  write("m/team.yaml", tenant("team-a"));
  write("m/team.json", R"({"apiVersion": "unikctl.dev/v1", "kind": "Tenant", "metadata": {"name": "team-b"}})");
  const RunResult run = validate("m");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("tenant/team-a is valid"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("tenant/team-b is valid"), std::string::npos) << run.out;
  // Who names the file means it.
  EXPECT_EQ(validate("m/package.json").code, 2);
  write("only/package.json", "{}");
  EXPECT_NE(validate("only").err.find("found none"), std::string::npos);
}

TEST_F(ManifestFiles, ALinkToNothingIsAnError) {
  write("m/team.yaml", tenant("team-a"));
  std::filesystem::create_symlink("gone.yaml", controller.directory() / "m/lost.yaml");
  const RunResult run = validate("m");
  EXPECT_EQ(run.code, 3) << run.out;
  EXPECT_NE(run.err.find("m/lost.yaml"), std::string::npos) << run.err;
}

TEST_F(ManifestFiles, AUnikYamlIsCheckedAsWhatItIs) {
  write("app/unik.yaml", "version: 1\nlanguage: python\n");
  const RunResult good = validate("app/unik.yaml");
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.out, "app/unik.yaml:1:1: unik.yaml is valid\n");
  write("app/unik.yaml", "version: 1\nlanguge: python\n");
  const RunResult bad = validate("app/unik.yaml");
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("app/unik.yaml:2:1"), std::string::npos) << bad.err;
  EXPECT_NE(bad.err.find("language"), std::string::npos) << bad.err;
  const RunResult applied = run_unikctl(controller, {"apply", "-f", "app/unik.yaml"});
  EXPECT_EQ(applied.code, 2);
  EXPECT_NE(applied.err.find("unikctl deploy app"), std::string::npos) << applied.err;
}

}  // namespace
}  // namespace unik::cli
