#include "runtimes/lib/boot/boot_root.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <vector>

#include "runtimes/lib/boot/erofs_image.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/erofs_source.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class BootRootTest : public LibTest {
 protected:
  fs::path write_erofs(const FileTree& tree, const std::string& name) {
    const int fd = ::open((dir_ / name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    EXPECT_GE(fd, 0);
    EXPECT_OK(ErofsImage(std::make_shared<const ContentFile>(fd)).finish(tree));
    return dir_ / name;
  }
  FileTree read_back(const fs::path& image) {
    const fs::path scratch = dir_ / "scratch";
    fs::remove_all(scratch);
    fs::create_directories(scratch);
    auto tree = read_erofs(image, scratch);
    EXPECT_OK(tree);
    return tree ? *std::move(tree) : FileTree();
  }
  Digest hello(const BlobStore& blobs, const std::string& text = "program") {
    ElfDraft draft;
    draft.extra = text;
    write_file(dir_ / "hello", make_elf(draft), true);
    BinaryPackOptions options;
    options.binary = dir_ / "hello";
    options.base = base();
    options.config.args = {"--flag"};
    const auto image = pack_binary(blobs, options);
    EXPECT_OK(image);
    return image->reference.digest;
  }
};

FileTree odd_tree() {
  FileTree tree;
  const auto file = [&](const std::string& path, std::size_t size, std::uint32_t mode = 0644, std::uint32_t uid = 0) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    const FileNode node{NodeType::kFile, mode, uid, uid, 1700000000, static_cast<std::int64_t>(size), {}, text};
    EXPECT_OK(put_node(tree, path, node));
  };
  for (const std::size_t size : {0, 1, 2047, 2048, 2049, 4031, 4032, 4033, 4095, 4096, 4097, 8192, 100000})
    file("sizes/" + std::to_string(size), size);
  for (int i = 0; i < 700; ++i)
    file("many/a-rather-long-name-so-that-several-blocks-are-needed-" + std::to_string(i), 3);
  for (const char* name : {"+first", "-second", ".hidden", "..not-parent", "zz", "ünï"})
    file(std::string("order/") + name, 1);
  file("setuid", 10, 04755, 70000);
  file("order/" + std::string(255, 'n'), 1);
  FileNode directory;
  directory.type = NodeType::kDirectory;
  directory.mode = 01777;
  directory.uid = 1000;
  EXPECT_OK(put_node(tree, "tmp", directory));
  for (const std::size_t length : {1u, 100u, 4000u}) {
    FileNode link;
    link.type = NodeType::kSymlink;
    link.mode = 0777;
    link.link = std::string(length, 'l');
    EXPECT_OK(put_node(tree, "links/" + std::to_string(length), link));
  }
  return tree;
}

TEST_F(BootRootTest, ErofsHoldsTheTreeAndIsTheSameTwice) {
  const FileTree tree = odd_tree();
  const fs::path one = write_erofs(tree, "one"), two = write_erofs(tree, "two");
  EXPECT_EQ(slurp(one), slurp(two));
  EXPECT_EQ(fs::file_size(one) % 4096, 0u);
  if (!have("fsck.erofs")) GTEST_SKIP() << "no erofs-utils here";
  int code = 1;
  const std::string said = shell("fsck.erofs " + one.string(), &code);
  EXPECT_EQ(code, 0) << said;
  EXPECT_EQ(picture(read_back(one)), picture(tree));
}

TEST_F(BootRootTest, ErofsIsWhatLinuxMounts) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
  const fs::path image = write_erofs(odd_tree(), "image"), mount = dir_ / "mount", expected = dir_ / "expected";
  fs::create_directories(mount);
  fs::create_directories(expected);
  int code = 1;
  shell("mount -t erofs -o loop,ro " + image.string() + " " + mount.string(), &code);
  if (code != 0) GTEST_SKIP() << "this kernel does not mount erofs";
  EXPECT_OK(write_tree(odd_tree(), expected));
  const std::string difference = shell("diff -r --no-dereference " + mount.string() + " " + expected.string());
  const std::string status =
      shell("stat -c '%a %u %g %Y %h' " + (mount / "setuid").string() + " " + (mount / "tmp").string());
  const std::string links = shell("stat -c %h " + mount.string());
  shell("umount " + mount.string());
  EXPECT_EQ(difference, "");
  EXPECT_EQ(status, "4755 70000 70000 1700000000 1\n1777 1000 0 1704067200 2\n");
  EXPECT_EQ(links, "7\n");
}

TEST_F(BootRootTest, ReadsImagesOfMkfs) {
  if (!have("mkfs.erofs")) GTEST_SKIP() << "no erofs-utils here";
  FileTree tree = odd_tree();
  tree.erase("order/" + std::string(255, 'n'));  // mkfs.erofs 1.5 cuts it short, then misses it
  fs::create_directories(dir_ / "in");
  ASSERT_OK(write_tree(tree, dir_ / "in"));
  for (const char* flags : {"", "-zlz4hc", "-zlz4 -T0 --all-root"}) {
    int code = 1;
    const std::string said = shell(
        std::string("mkfs.erofs ") + flags + " " + (dir_ / "image").string() + " " + (dir_ / "in").string(), &code);
    ASSERT_EQ(code, 0) << said;
    const FileTree back = read_back(dir_ / "image");
    EXPECT_EQ(back.size(), tree.size());
    EXPECT_EQ(picture(back).find("<"), std::string::npos);
    EXPECT_EQ(back.at("sizes/100000").size, 100000);
    EXPECT_EQ(back.at("links/4000").link, std::string(4000, 'l'));
    fs::remove(dir_ / "image");
  }
}

TEST_F(BootRootTest, HostileErofsIsRefused) {
  FileTree tree;
  ASSERT_OK(put_node(tree, "aaaa/bbbb", {NodeType::kFile, 0644, 0, 0, 0, 1, {}, std::string("x")}));
  const std::string good = slurp(write_erofs(tree, "good"));
  const auto reason = [&](std::string bytes) {
    std::ofstream(dir_ / "bad", std::ios::binary) << bytes;
    fs::create_directories(dir_ / "scratch");
    const auto read = read_erofs(dir_ / "bad", dir_ / "scratch");
    return read ? std::string() : read.error().reason;
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    bytes.replace(bytes.find(from), to.size(), to);
    return bytes;
  };
  EXPECT_EQ(reason(with("aaaa", "../x")), "bad_erofs");
  EXPECT_EQ(reason(with("aaaa", "/etc")), "bad_erofs");
  EXPECT_EQ(reason(with("bbbb", "../b")), "bad_erofs");
  EXPECT_EQ(reason(good.substr(0, 4096)), "bad_erofs");
  EXPECT_EQ(reason(good.substr(0, 1100)), "bad_erofs");
  for (std::size_t at = 1024; at < 4096 + 512; at = at == 1150 ? 4096 : at + 9) {  // superblock, inodes, names
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xff);
    (void)reason(bytes);  // any answer, as long as there is one
  }
}

TEST_F(BootRootTest, PreparesAnImageOnceForEachChain) {
  const BlobStore blobs = store();
  const Digest image = hello(blobs);
  const auto first = prepare_boot(blobs, image, dir_ / "cache");
  ASSERT_OK(first);
  EXPECT_EQ(first->kind, BootKind::kUnik);
  EXPECT_EQ(slurp(first->kernel_up), std::string(200000, 'u'));
  EXPECT_EQ(slurp(first->kernel_smp), std::string(300000, 's'));
  EXPECT_EQ(first->config.entrypoint, (std::vector<std::string>{"/app/hello", "--flag"}));
  EXPECT_EQ(first->config.user, "1000:1000");
  EXPECT_GT(first->root_took.count(), 0);

  const FileTree root = read_back(first->root);
  EXPECT_EQ(root.at("init").mode, 0755u);
  EXPECT_EQ(root.at("tmp").mode, 01777u);
  EXPECT_EQ(root.at("etc/resolv.conf").link, "/run/resolv.conf");
  EXPECT_EQ(root.at("app/hello").mode, 0755u);
  EXPECT_FALSE(root.contains("boot"));

  const auto again = prepare_boot(blobs, image, dir_ / "cache");
  ASSERT_OK(again);
  EXPECT_EQ(again->root, first->root);
  EXPECT_EQ(again->root_took.count(), 0);
  EXPECT_EQ(again->kernel_took.count(), 0);

  const auto elsewhere = prepare_boot(blobs, image, dir_ / "other");
  ASSERT_OK(elsewhere);
  EXPECT_EQ(slurp(elsewhere->root), slurp(first->root));
  EXPECT_EQ(elsewhere->root.filename(), first->root.filename());

  const auto other_app = prepare_boot(blobs, hello(blobs, "another"), dir_ / "cache");
  ASSERT_OK(other_app);
  EXPECT_NE(other_app->root, first->root);
  EXPECT_EQ(other_app->kernel_up, first->kernel_up);
  EXPECT_EQ(other_app->kernel_took.count(), 0);
}

TEST_F(BootRootTest, SurvivesKillsAndCompany) {
  const BlobStore blobs = store();
  const Digest image = hello(blobs, std::string(3 << 20, 'p'));
  const std::string expected = slurp(prepare_boot(blobs, image, dir_ / "calm")->root);
  for (int round = 0; round < 8; ++round) {
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(prepare_boot(blobs, image, dir_ / "cache").ok() ? 0 : 1);
      children.push_back(child);
    }
    ::usleep(static_cast<useconds_t>(2000 * round));
    ::kill(children[0], SIGKILL);
    ::kill(children[1], SIGKILL);
    for (std::size_t i = 0; i < children.size(); ++i) {
      int status = 0;
      ::waitpid(children[i], &status, 0);
      EXPECT_TRUE(i < 2 || status == 0);
    }
    const auto files = prepare_boot(blobs, image, dir_ / "cache");
    ASSERT_OK(files);
    EXPECT_EQ(slurp(files->root), expected);
    EXPECT_EQ(slurp(files->kernel_up), std::string(200000, 'u'));
    fs::remove_all(dir_ / "cache" / (round % 2 == 0 ? "roots" : "kernels"));
  }
}

TEST_F(BootRootTest, DamageInTheStoreBootsNothing) {
  const BlobStore blobs = store();
  const Digest image = hello(blobs);
  const auto manifest = blobs.manifest(image);
  ASSERT_OK(manifest);
  const fs::path layer = blobs.blob_path(manifest->layers.back().digest);
  std::string bytes = slurp(layer);
  bytes[bytes.size() - 20] = static_cast<char>(bytes[bytes.size() - 20] ^ 1);
  std::ofstream(layer, std::ios::binary) << bytes;
  EXPECT_EQ(prepare_boot(blobs, image, dir_ / "cache").error().reason, "corrupt_blob");
  EXPECT_EQ(shell("ls " + (dir_ / "cache" / "roots").string()), "");
  fs::remove(layer);
  EXPECT_EQ(prepare_boot(blobs, image, dir_ / "cache").error().reason, "no_such_blob");
  EXPECT_EQ(prepare_boot(blobs, sha256("absent"), dir_ / "cache").error().reason, "no_such_image");
}

TEST_F(BootRootTest, PruneKeepsWhatIsNamed) {
  const BlobStore blobs = store();
  const auto one = prepare_boot(blobs, hello(blobs, "one"), dir_ / "cache");
  const Digest second = hello(blobs, "two");
  const auto two = prepare_boot(blobs, second, dir_ / "cache");
  ASSERT_OK(one);
  ASSERT_OK(two);
  write_file(dir_ / "cache" / "roots" / ".00unfinished.erofs", "left by a killed maker");
  const Digest keep[] = {second};
  ASSERT_OK(prune_boot(blobs, keep, dir_ / "cache"));
  EXPECT_FALSE(fs::exists(one->root));
  EXPECT_TRUE(fs::exists(two->root));
  EXPECT_TRUE(fs::exists(two->kernel_up));
  EXPECT_FALSE(fs::exists(dir_ / "cache" / "roots" / ".00unfinished.erofs"));
  write_file(blobs.blob_path(second), "damaged");
  ASSERT_OK(prune_boot(blobs, keep, dir_ / "cache", std::span(&*two, 1)));
  EXPECT_TRUE(fs::exists(two->root));
  EXPECT_TRUE(fs::exists(two->kernel_up));
  ASSERT_OK(prune_boot(blobs, keep, dir_ / "cache"));
  EXPECT_FALSE(fs::exists(two->root));
  EXPECT_FALSE(fs::exists(two->kernel_up));
}

}  // namespace
}  // namespace unik::runtimes
