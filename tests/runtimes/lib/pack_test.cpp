#include <algorithm>

#include "runtimes/lib/boot/boot_root.hpp"
#include "runtimes/lib/elf/elf_info.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/kernel_pack.hpp"
#include "runtimes/lib/pack/rootfs_pack.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class PackTest : public LibTest {
 protected:
  BinaryPackOptions binary(const fs::path& path) {
    BinaryPackOptions options;
    options.binary = path;
    options.base = base();
    return options;
  }
  // The root of an image as its guest would see it.
  FileTree guest(const BlobStore& blobs, const PackedImage& image) {
    FileTree tree;
    auto sink = spool_sink(dir_);
    for (const Descriptor& layer : image.manifest.layers) EXPECT_OK(apply_layer(tree, blobs, layer, *sink));
    return tree;
  }
};

TEST_F(PackTest, TheSameProgramIsTheSameImage) {
  write_file(dir_ / "a" / "hello", make_elf({}), true);
  write_file(dir_ / "b" / "hello", make_elf({}));
  const auto one = pack_binary(store("s1"), binary(dir_ / "a" / "hello"));
  const auto two = pack_binary(store("s2"), binary(dir_ / "b" / "hello"));
  ASSERT_OK(one);
  ASSERT_OK(two);
  EXPECT_EQ(one->reference, two->reference);
  EXPECT_EQ(one->reference.name, "hello");
  EXPECT_EQ(one->config.entrypoint, std::vector<std::string>{"/app/hello"});
  EXPECT_EQ(one->config.working_dir, "/app");
  EXPECT_EQ(one->config.user, "1000:1000");
  const auto again = pack_binary(store("s1"), binary(dir_ / "a" / "hello"));
  ASSERT_OK(again);
  for (const PackedLayer& layer : again->layers) EXPECT_TRUE(layer.reused) << layer.name;
  EXPECT_EQ(store("s1").find_image("hello")->manifest.digest, one->reference.digest);
}

TEST_F(PackTest, TheImageIsWhatOtherToolsRead) {
  write_file(dir_ / "Hello_World", make_elf({}), true);
  const BlobStore blobs = store();
  BinaryPackOptions options = binary(dir_ / "Hello_World");
  options.config.env = {{"A", "1"}};
  options.config.ports = {8080, 9090};
  const auto image = pack_binary(blobs, options);
  ASSERT_OK(image);
  EXPECT_EQ(image->reference.name, "hello-world");
  EXPECT_EQ(image->manifest.annotations.at(std::string(kBaseAnnotation)), to_string(image->manifest.layers[1].digest));
  if (!have("skopeo")) GTEST_SKIP() << "no skopeo here";
  int code = 1;
  const std::string seen = shell("skopeo inspect oci:" + blobs.dir().string() + ":hello-world", &code);
  EXPECT_EQ(code, 0) << seen;
  EXPECT_NE(seen.find(to_string(image->reference.digest)), std::string::npos) << seen;
  const std::string copied =
      shell("skopeo copy oci:" + blobs.dir().string() + ":hello-world dir:" + (dir_ / "copy").string(), &code);
  EXPECT_EQ(code, 0) << copied;
  if (!have("umoci")) return;
  const std::string unpacked = shell(
      "umoci unpack --rootless --image " + blobs.dir().string() + ":hello-world " + (dir_ / "bundle").string(), &code);
  EXPECT_EQ(code, 0) << unpacked;
  EXPECT_EQ(slurp(dir_ / "bundle" / "rootfs" / "app" / "Hello_World"), make_elf({}));
}

TEST_F(PackTest, ADynamicProgramOfTheSystemKeepsItsPlace) {
  const BlobStore blobs = store();
  const auto image = pack_binary(blobs, binary("/bin/env"));
  ASSERT_OK(image);
  const FileTree root = guest(blobs, *image);
  EXPECT_EQ(image->config.entrypoint.front(), "/usr/bin/env");
  EXPECT_EQ(image->config.working_dir, "/");
  EXPECT_TRUE(root.contains("usr/bin/env"));
  EXPECT_TRUE(root.contains("lib64/ld-linux-x86-64.so.2"));
  EXPECT_TRUE(root.contains("usr/lib/x86_64-linux-gnu/libc.so.6"));
  EXPECT_TRUE(image->manifest.annotations.contains(std::string(kGlibcAnnotation)));
  // It runs in its own root, where root may change into one.
  if (::geteuid() != 0) return;
  fs::create_directories(dir_ / "root");
  ASSERT_OK(write_tree(root, dir_ / "root"));
  EXPECT_EQ(shell("chroot " + (dir_ / "root").string() + " /usr/bin/env -i A=7"), "A=7\n");
}

TEST_F(PackTest, ALinkGivesAProgramItsName) {
  fs::create_symlink("/usr/bin/env", dir_ / "alias");
  const auto image = pack_binary(store(), binary(dir_ / "alias"));
  ASSERT_OK(image);
  EXPECT_EQ(image->config.entrypoint.front(), "/usr/bin/env") << "a link of the user's leads to the system's program";
}

TEST_F(PackTest, IncludesAreLaidInAndClosedOver) {
  write_file(dir_ / "hello", make_elf({}), true);
  write_file(dir_ / "site" / "index.html", "<h1>");
  ElfDraft plugin;
  plugin.type = 3;
  plugin.needed = {"libnobody-has-this.so.9"};
  write_file(dir_ / "site" / "plugin.so", make_elf(plugin));
  const BlobStore blobs = store();
  BinaryPackOptions options = binary(dir_ / "hello");
  options.includes = {{dir_ / "site", "/srv/www"}, {"/usr/bin/env", "/opt/env"}};
  const auto image = pack_binary(blobs, options);
  ASSERT_OK(image);
  const FileTree root = guest(blobs, *image);
  EXPECT_TRUE(root.contains("srv/www/index.html"));
  EXPECT_EQ(root.at("opt/env").mode, 0755u);
  EXPECT_TRUE(root.contains("usr/lib/x86_64-linux-gnu/libc.so.6"));
  ASSERT_EQ(image->warnings.size(), 1u);
  EXPECT_NE(image->warnings[0].find("libnobody-has-this.so.9"), std::string::npos);

  write_file(dir_ / "other" / "hello", "no program");
  for (const Include& over : {Include{dir_ / "other/hello", "/app/hello"}, Include{dir_ / "other", "/app"}}) {
    options.includes = {over};
    EXPECT_EQ(pack_binary(blobs, options).error().reason, "bad_include") << over.dest;
  }
  options.includes = {{dir_ / "site" / "index.html", "/srv/x"}, {dir_ / "other" / "hello", "/srv/x"}};
  const auto twice = pack_binary(blobs, options);
  ASSERT_OK(twice);
  ASSERT_EQ(twice->warnings.size(), 1u);
  EXPECT_NE(twice->warnings[0].find("takes the place of /srv/x"), std::string::npos) << twice->warnings[0];

  options.includes = {{dir_ / "absent", "/x"}};
  EXPECT_EQ(pack_binary(blobs, options).error().reason, "no_such_file");
  options.includes = {{dir_ / "hello", "/init"}};
  EXPECT_EQ(pack_binary(blobs, options).error().reason, "bad_include");
}

TEST_F(PackTest, AnIncludeThatNoAppWouldSeeIsRefused) {
  write_file(dir_ / "hello", make_elf({}), true);
  write_file(dir_ / "inc" / "data.txt", "data");
  BinaryPackOptions options = binary(dir_ / "hello");
  for (const char* dest : {"/tmp/inc", "/run/inc", "/dev/inc", "/proc/inc", "/sys/inc", "/tmp", "/run/a/b"}) {
    options.includes = {{dir_ / "inc", "/data"}, {dir_ / "inc", dest}};
    const auto image = pack_binary(store(), options);
    ASSERT_FALSE(image.ok()) << dest;
    EXPECT_EQ(image.error().reason, "bad_include") << dest;
    EXPECT_NE(image.error().message.find("--include " + (dir_ / "inc").string() + ": want a DEST where the app"),
              std::string::npos)
        << image.error().message;
    EXPECT_NE(image.error().message.find(std::string("got ") + dest), std::string::npos) << image.error().message;
  }
  options.includes = {{dir_ / "inc" / "data.txt", "/tmp"}};
  EXPECT_EQ(pack_binary(store(), options).error().reason, "bad_include") << "a file in the place of a mount point";
  fs::create_symlink("../run", dir_ / "base" / "root" / "etc" / "live");
  options.includes = {{dir_ / "inc" / "data.txt", "/etc/live/data.txt"}};
  EXPECT_EQ(pack_binary(store(), options).error().reason, "bad_include") << "a link of the base leads to /run";
  options.includes = {{dir_ / "inc", "/tmpfiles"}, {dir_ / "inc", "/app/tmp"}, {dir_ / "inc", "/var/run"}};
  EXPECT_OK(pack_binary(store(), options));
}

TEST_F(PackTest, AFileSystemThatPid1MountsOverIsWorthAWarning) {
  const fs::path root = dir_ / "rootfs";
  write_file(root / "bin" / "app", "#!/bin/sh", true);
  fs::create_directories(root / "tmp");
  RootfsPackOptions options{root, "", {}, base()};
  options.config.args = {"/bin/app"};
  const auto empty = pack_rootfs(store(), options);
  ASSERT_OK(empty);
  EXPECT_TRUE(empty->warnings.empty());

  fs::create_directories(root / "run" / "postgresql");
  write_file(root / "tmp" / "late", "#!/bin/sh", true);
  const auto image = pack_rootfs(store(), options);
  ASSERT_OK(image);
  ASSERT_EQ(image->warnings.size(), 1U);
  EXPECT_NE(image->warnings[0].find("in /run and /tmp, such as /run/postgresql, the app will not see"),
            std::string::npos)
      << image->warnings[0];
  fs::create_symlink("/tmp/late", root / "bin" / "late");
  options.config.args = {"/bin/late"};
  const Error error = pack_rootfs(store(), options).error();
  EXPECT_EQ(error.reason, "no_such_program");
  EXPECT_NE(error.message.find("got /bin/late: PID 1 mounts another file system over /tmp"), std::string::npos)
      << error.message;
}

TEST_F(PackTest, IncludesAreParsed) {
  EXPECT_EQ(*parse_include("/etc/ssl:/etc/tls"), (Include{"/etc/ssl", "/etc/tls"}));
  EXPECT_EQ(*parse_include("/etc/ssl"), (Include{"/etc/ssl", "/etc/ssl"}));
  EXPECT_EQ(*parse_include("./data/x"), (Include{"./data/x", "/app/data/x"}));
  EXPECT_EQ(*parse_include("a:b:/c"), (Include{"a:b", "/c"}));
  for (const char* bad : {"", ":/x", "a:b", "../up", "a:/../x", "a:/"})
    EXPECT_EQ(parse_include(bad).error().reason, "bad_include") << bad;
}

TEST_F(PackTest, WhatIsNoProgramIsRefused) {
  write_file(dir_ / "text", "just text");
  EXPECT_EQ(pack_binary(store(), binary(dir_ / "text")).error().reason, "not_a_program");
  EXPECT_EQ(pack_binary(store(), binary(dir_ / "absent")).error().reason, "no_such_file");
}

TEST_F(PackTest, KernelsOfOthersAreTakenAsTheyAre) {
  const BlobStore blobs = store();
  ElfDraft draft;
  draft.bits = 32;
  draft.machine = 3;
  draft.extra = multiboot1();
  write_file(dir_ / "kernel32", make_elf(draft));
  write_file(dir_ / "initrd", "files");
  const auto image = pack_kernel(blobs, {dir_ / "kernel32", dir_ / "initrd", "", {"quiet", "port=8080"}, {8080}});
  ASSERT_OK(image);
  EXPECT_EQ(image->manifest.annotations.at(std::string(kBootAnnotation)), "multiboot");
  const auto files = prepare_boot(blobs, image->reference.digest, dir_ / "cache");
  ASSERT_OK(files);
  EXPECT_EQ(files->kind, BootKind::kMultiboot);
  EXPECT_EQ(slurp(files->kernel), make_elf(draft));
  EXPECT_EQ(slurp(files->initrd), "files");
  EXPECT_TRUE(files->root.empty());
  EXPECT_TRUE(files->kernel_up.empty());
  EXPECT_EQ(files->config.cmd, (std::vector<std::string>{"quiet", "port=8080"}));

  std::string disk(1 << 20, '\0');
  disk.replace(0, 2, "\xeb\x3c");
  disk.replace(510, 2, "\x55\xaa");
  write_file(dir_ / "disk.img", disk);
  const auto boot = pack_kernel(blobs, {dir_ / "disk.img", {}, "", {}, {}});
  ASSERT_OK(boot);
  EXPECT_EQ(prepare_boot(blobs, boot->reference.digest, dir_ / "cache")->kind, BootKind::kDisk);
  EXPECT_EQ(pack_kernel(blobs, {dir_ / "disk.img", dir_ / "initrd", "", {}, {}}).error().reason, "bad_initrd");
  EXPECT_EQ(pack_kernel(blobs, {"/usr/bin/env", {}, "", {}, {}}).error().reason, "not_a_kernel");
}

TEST_F(PackTest, AWideMultibootKernelIsNarrowed) {
  ElfDraft draft;
  draft.extra = multiboot1() + std::string(5000, 'k');
  write_file(dir_ / "kernel64", make_elf(draft));
  const BlobStore blobs = store();
  const auto image = pack_kernel(blobs, {dir_ / "kernel64", {}, "", {}, {}});
  ASSERT_OK(image);
  const auto files = prepare_boot(blobs, image->reference.digest, dir_ / "cache");
  ASSERT_OK(files);
  const auto elf = read_elf(files->kernel);
  ASSERT_OK(elf);
  EXPECT_EQ(elf->bits, 32);
  EXPECT_EQ(elf->machine, kMachine386);
  EXPECT_EQ(elf->entry, draft.entry);
  EXPECT_TRUE(find_multiboot(files->kernel)->version1);
  const std::string before = make_elf(draft), after = slurp(files->kernel);
  ASSERT_EQ(after.size(), before.size());
  EXPECT_EQ(after.substr(120), before.substr(120)) << "only headers change";
  if (have("readelf")) {
    int code = 1;
    const std::string seen = shell("readelf -lW " + files->kernel.string(), &code);
    EXPECT_EQ(code, 0);
    EXPECT_NE(seen.find("LOAD           0x000000 0x00400000 0x00100000"), std::string::npos) << seen;
  }
}

TEST_F(PackTest, ARootFileSystemInEveryForm) {
  const fs::path root = dir_ / "rootfs";
  write_file(root / "usr" / "bin" / "app", "#!/bin/sh", true);
  write_file(root / "etc" / "passwd", "own:x:0:0::/:\n");
  write_file(root / "init", "somebody else's", true);
  write_file(root / "proc" / "live", "of the host");
  fs::create_symlink("usr/bin", root / "bin");
  fs::create_symlink("/usr/bin/app", root / "abs");
  shell("tar -C " + root.string() + " -czf " + (dir_ / "root.tar.gz").string() + " .");
  shell("cd " + root.string() + " && find . | cpio -o -H newc > ../root.cpio");
  std::vector<fs::path> forms = {root, dir_ / "root.tar.gz"};
  if (have("cpio")) forms.push_back(dir_ / "root.cpio");
  if (have("mkfs.erofs")) {
    shell("mkfs.erofs -zlz4 " + (dir_ / "root.erofs").string() + " " + root.string());
    forms.push_back(dir_ / "root.erofs");
  }
  const BlobStore blobs = store();
  for (const fs::path& form : forms) {
    RootfsPackOptions options{form, "", {}, base()};
    options.config.args = {"app", "--serve"};
    const auto image = pack_rootfs(blobs, options);
    ASSERT_OK(image);
    EXPECT_EQ(image->config.entrypoint, (std::vector<std::string>{"/usr/bin/app", "--serve"})) << form;
    EXPECT_EQ(image->warnings.size(), 1u);
    const FileTree seen = guest(blobs, *image);
    EXPECT_EQ(seen.at("abs").link, "/usr/bin/app");
    EXPECT_EQ(seen.at("bin").link, "usr/bin");
    EXPECT_FALSE(seen.contains("proc/live")) << form;
    EXPECT_TRUE(seen.contains("proc"));
    const std::string text = picture(seen);
    EXPECT_NE(text.find("etc/passwd =own:x:0:0::/:"), std::string::npos) << text;
    EXPECT_NE(text.find("init =\x7f"
                        "ELF init"),
              std::string::npos)
        << "PID 1 is ours";
    EXPECT_TRUE(shell("ls -A " + (blobs.dir() / "tmp").string()).empty());
  }
}

TEST_F(PackTest, ARootFileSystemNeedsACommandThatIsThere) {
  write_file(dir_ / "rootfs" / "bin" / "app", "text", true);
  RootfsPackOptions options{dir_ / "rootfs", "", {}, base()};
  EXPECT_EQ(pack_rootfs(store(), options).error().reason, "no_command");
  options.config.args = {"/bin/other"};
  EXPECT_EQ(pack_rootfs(store(), options).error().reason, "no_such_program");
  write_file(dir_ / "Dockerfile", "FROM scratch\n");
  options.rootfs = dir_ / "Dockerfile";
  EXPECT_EQ(pack_rootfs(store(), options).error().reason, "not_a_rootfs");
  write_file(dir_ / "evil.tar", make_archive({{"../../etc/cron.d/x", AE_IFREG, "evil"}}));
  options.rootfs = dir_ / "evil.tar";
  EXPECT_EQ(pack_rootfs(store(), options).error().reason, "unsafe_layer");
}

TEST_F(PackTest, TheBaseRuntimeIsFoundOrTheErrorSaysHow) {
  const BaseRuntime there = base();
  EXPECT_EQ(find_base_runtime({there.dir, dir_ / "nowhere", {}})->dir, there.dir);
  fs::create_directories(dir_ / "home" / "runtimes");
  fs::rename(there.dir, dir_ / "home" / "runtimes" / "base");
  EXPECT_EQ(find_base_runtime({{}, dir_ / "home", {}})->dir, dir_ / "home" / "runtimes" / "base");
  fs::remove(dir_ / "home" / "runtimes" / "base" / "boot" / "vmlinux-smp");
  EXPECT_FALSE(find_base_runtime({{}, dir_ / "home", {}})->kernel_smp.has_value());
  fs::remove(dir_ / "home" / "runtimes" / "base" / "boot" / "vmlinux-up");
  const Error error = find_base_runtime({{}, dir_ / "home", dir_ / "build"}).error();
  EXPECT_EQ(error.reason, "no_base_runtime");
  EXPECT_NE(error.message.find("neither boot/vmlinux-up"), std::string::npos);
  EXPECT_NE(error.message.find("runtimes/base/build.sh --variant all"), std::string::npos);
}

}  // namespace
}  // namespace unik::runtimes
