// What the tests of runtimes share: a small Debian archive on this disk that the machine's own apt reads, packages made
// by dpkg-deb, and sources of runtimes over them. Nothing of the machine's apt configuration is used or changed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtimes/lib/runtime/package_cache.hpp"
#include "runtimes/lib/runtime/runtime_build.hpp"
#include "runtimes/lib/runtime/runtime_lock.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {

class RuntimeTest : public LibTest {
 protected:
  void SetUp() override {
    LibTest::SetUp();
    for (const char* directory : {"archive", "lists/partial", "apt-cache/archives/partial", "parts"})
      fs::create_directories(dir_ / directory);
    write_file(dir_ / "status", "");
    write_file(dir_ / "sources.list", "deb [trusted=yes] file:" + (dir_ / "archive").string() + " ./\n");
    const std::string at = dir_.string();
    write_file(dir_ / "apt.conf", "Dir::Etc::SourceList \"" + at + "/sources.list\";\nDir::Etc::SourceParts \"" + at +
                                      "/parts\";\nDir::Etc::PreferencesParts \"" + at +
                                      "/parts\";\nDir::State::Status \"" + at + "/status\";\nDir::State::Lists \"" +
                                      at + "/lists\";\nDir::Cache \"" + at +
                                      "/apt-cache\";\nAPT::Architecture \"amd64\";\n");
    places_.cache = dir_ / "cache";
    places_.scratch = dir_ / "scratch";
    places_.environment = {{"PATH", std::getenv("PATH")}, {"HOME", at}, {"APT_CONFIG", at + "/apt.conf"}};
  }

  using Files = std::map<std::string, std::string>;  // path -> content; what ends in `*` is executable

  // A package in `archive/`, and its pin. The archive knows it after `index_archive`.
  codec::LockedDebian deb(const std::string& name, const std::string& version, const Files& files) {
    const fs::path root = dir_ / "package";
    fs::remove_all(root);
    write_file(root / "DEBIAN/control", "Package: " + name + "\nVersion: " + version +
                                            "\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.org>\n"
                                            "Description: made by a test\n");
    for (const auto& [path, text] : files) {
      const bool program = path.ends_with('*');
      write_file(root / path.substr(0, path.size() - (program ? 1 : 0)), text, program);
    }
    const std::string file = name + "_" + version + "_amd64.deb";
    const std::string said = shell("SOURCE_DATE_EPOCH=1 dpkg-deb --root-owner-group -Zgzip -b " + root.string() + " " +
                                   (dir_ / "archive" / file).string());
    const auto sum = sum_file(dir_ / "archive" / file, SumKind::kSha256);
    EXPECT_TRUE(sum.ok()) << said;
    codec::LockedDebian pin{name, version, "amd64", file, static_cast<std::uint64_t>(sum->size), sum->hex};
    offered_[name + "=" + version] = pin;
    return pin;
  }

  void withdraw(const codec::LockedDebian& pin) {
    offered_.erase(pin.name + "=" + pin.version);
    fs::remove(dir_ / "archive" / pin.path);
  }
  void index_archive() {
    std::string text;
    for (const auto& [key, pin] : offered_)
      text += "Package: " + pin.name + "\nVersion: " + pin.version + "\nArchitecture: amd64\nFilename: ./" + pin.path +
              "\nSize: " + std::to_string(pin.size) + "\nSHA256: " + pin.sha256 +
              "\nMaintainer: Nobody <nobody@example.org>\nDescription: made by a test\n\n";
    write_file(dir_ / "archive/Packages", text);
  }

  // The source of a runtime `sources/NAME`.
  RuntimeSource runtime(const std::string& name, const std::string& recipe, const codec::RuntimeLock& lock,
                        const std::string& version = "1.0.0") {
    const fs::path directory = dir_ / "sources" / name;
    write_file(directory / kManifestFile, "name: " + name + "\nversion: " + version +
                                              "\ndescription: made by a test\nplatforms: [linux/amd64]\nprovides: {" +
                                              name + ": \"3.11\"}\n");
    write_file(directory / kRecipeFile, recipe);
    write_file(directory / kLockFile, codec::print_runtime_lock(lock));
    const auto source = read_runtime_source(directory);
    EXPECT_TRUE(source.ok()) << to_string(source.error());
    return source ? *source : RuntimeSource{};
  }

  // A program that is linked with `libs`, as the loader sees it.
  static std::string program(std::vector<std::string> libs) {
    ElfDraft draft;
    draft.interpreter = "/lib64/ld-linux-x86-64.so.2";
    draft.needed = std::move(libs);
    return make_elf(draft);
  }
  static std::string library(std::vector<std::string> libs = {}) {
    ElfDraft draft;
    draft.type = 3;
    draft.needed = std::move(libs);
    return make_elf(draft);
  }

  RuntimeBuildOptions build_options(const RuntimeSource& source, BuildMode mode = BuildMode::kRelease) {
    RuntimeBuildOptions options;
    options.source = source;
    options.base = base();
    options.packages = places_;
    options.space = "runtimes";
    options.mode = mode;
    options.say = [this](const std::string& text) { said_ += text + "\n"; };
    return options;
  }

  // The files of an image's layer `runtime`.
  FileTree files_of(const BlobStore& store, const PackedImage& image) {
    FileTree tree;
    const Descriptor* layer = find_layer(image.manifest, "runtime");
    EXPECT_NE(layer, nullptr);
    const auto sink = spool_sink(dir_);
    if (layer != nullptr) EXPECT_TRUE(apply_layer(tree, store, *layer, *sink).ok());
    return tree;
  }
  static std::vector<std::string> paths_of(const FileTree& tree) {
    std::vector<std::string> paths;
    for (const auto& [path, node] : tree)
      if (node.type != NodeType::kDirectory)
        paths.push_back(path + (node.type == NodeType::kSymlink ? " -> " + node.link : ""));
    return paths;
  }

  PackagePlaces places_;
  std::map<std::string, codec::LockedDebian> offered_;
  std::string said_;
};

}  // namespace unik::runtimes
