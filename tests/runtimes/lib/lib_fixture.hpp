// What the tests of runtimes/lib share: a private directory, files in it, a stand-in for the base runtime, and archives
// as an enemy would write them.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "runtimes/lib/boot/boot_root.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"

namespace unik::runtimes {

namespace fs = std::filesystem;

inline void write_file(const fs::path& path, std::string_view bytes, bool program = false) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
  fs::permissions(path, fs::perms(program ? 0755 : 0644));
}

inline std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The output of a shell command, for checks by other people's tools.
inline std::string shell(const std::string& command, int* code = nullptr) {
  std::string text;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) text.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  if (code != nullptr) *code = status;
  return text;
}

inline bool have(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

template <typename T>
testing::AssertionResult succeeded(const Result<T>& result) {
  return result ? testing::AssertionSuccess() : testing::AssertionFailure() << to_string(result.error());
}

#define ASSERT_OK(result) ASSERT_TRUE(succeeded(result))
#define EXPECT_OK(result) EXPECT_TRUE(succeeded(result))

class LibTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "unik-lib-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }

  BlobStore store(const std::string& name = "store") {
    auto opened = BlobStore::open(dir_ / name);
    EXPECT_TRUE(opened.ok());
    return *std::move(opened);
  }

  // Has the shape of what runtimes/base/build.sh lays out; nothing in it could boot.
  BaseRuntime base(const std::string& name = "base") {
    const fs::path place = dir_ / name;
    write_file(place / "boot" / "vmlinux-up", std::string(200000, 'u'));
    write_file(place / "boot" / "vmlinux-smp", std::string(300000, 's'));
    write_file(place / "root" / "init",
               "\x7f"
               "ELF init",
               true);
    write_file(place / "root" / "etc" / "passwd", "root:x:0:0:root:/root:/nonexistent\n");
    for (const char* mount : {"dev", "proc", "sys", "run", "tmp"}) fs::create_directories(place / "root" / mount);
    fs::permissions(place / "root" / "tmp", fs::perms(01777));
    std::error_code ignored;
    fs::create_symlink("/run/resolv.conf", place / "root" / "etc" / "resolv.conf", ignored);
    auto found = find_base_runtime({place, {}, {}});
    EXPECT_TRUE(found.ok());
    return *std::move(found);
  }

  fs::path dir_;
};

// One member of an archive that is written without any care.
struct Member {
  std::string path;
  unsigned type = AE_IFREG;
  std::string text = {};  // content of a file, target of a link
  std::string hard_link = {};
  unsigned mode = 0644;
  std::int64_t uid = 0;
};

inline std::string make_archive(const std::vector<Member>& members,
                                int (*format)(struct archive*) = archive_write_set_format_pax,
                                int (*filter)(struct archive*) = archive_write_add_filter_none) {
  std::string bytes;
  struct archive* out = archive_write_new();
  format(out);
  filter(out);
  archive_write_set_bytes_in_last_block(out, 1);
  archive_write_open(
      out, &bytes, nullptr,
      [](struct archive*, void* to, const void* from, size_t size) -> la_ssize_t {
        static_cast<std::string*>(to)->append(static_cast<const char*>(from), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr);
  for (const Member& member : members) {
    struct archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.path.c_str());
    archive_entry_set_filetype(entry, member.type);
    archive_entry_set_perm(entry, member.mode);
    archive_entry_set_uid(entry, member.uid);
    archive_entry_set_mtime(entry, kSourceDateEpoch, 0);
    archive_entry_set_size(entry, 0);
    if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, member.text.c_str());
    if (!member.hard_link.empty()) archive_entry_set_hardlink(entry, member.hard_link.c_str());
    const bool content = member.type == AE_IFREG && member.hard_link.empty();
    if (content) archive_entry_set_size(entry, static_cast<std::int64_t>(member.text.size()));
    archive_write_header(out, entry);
    if (content) archive_write_data(out, member.text.data(), member.text.size());
    archive_entry_free(entry);
  }
  archive_write_free(out);
  return bytes;
}

inline ByteSource source_of(std::string bytes) {
  return [bytes = std::move(bytes), at = std::size_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t got = std::min({into.size(), bytes.size() - at, std::size_t{1000}});
    std::copy_n(bytes.data() + at, got, into.data());
    at += got;
    return got;
  };
}

// What a tree looks like, for comparing: `dir 755 etc`, `file 644 0:0 etc/hosts =text`, `link a -> b`.
inline std::string picture(const FileTree& tree) {
  std::string text;
  for (const auto& [path, node] : tree) {
    char mode[16];
    std::snprintf(mode, sizeof mode, "%o", node.mode);
    if (node.type == NodeType::kDirectory) text += std::string("dir ") + mode + " " + path + "\n";
    if (node.type == NodeType::kSymlink) text += "link " + path + " -> " + node.link + "\n";
    if (node.type != NodeType::kFile) continue;
    text += std::string("file ") + mode + " " + std::to_string(node.uid) + ":" + std::to_string(node.gid) + " " + path +
            " =";
    const Result<void> read = read_content(node, [&](std::string_view bytes) -> Result<void> {
      text += bytes;
      return {};
    });
    if (!read) text += "<" + to_string(read.error()) + ">";
    text += "\n";
  }
  return text;
}

}  // namespace unik::runtimes
