#include "runtimes/lib/elf/recognise.hpp"

#include <sys/stat.h>

#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class RecogniseTest : public LibTest {
 protected:
  FileKind kind_of(const std::string& bytes) {
    write_file(dir_ / "file", bytes);
    const auto found = recognise(dir_ / "file");
    EXPECT_OK(found);
    return found->kind;
  }
  FileKind kind_of_elf(ElfDraft draft) { return kind_of(make_elf(draft)); }
};

TEST_F(RecogniseTest, TellsElfFilesApart) {
  EXPECT_EQ(kind_of_elf({}), FileKind::kStaticProgram);
  ElfDraft draft;
  draft.type = 3;
  EXPECT_EQ(kind_of_elf(draft), FileKind::kStaticProgram) << "a static PIE";
  draft.interpreter = "/lib64/ld-linux-x86-64.so.2";
  EXPECT_EQ(kind_of_elf(draft), FileKind::kDynamicProgram);
  draft = {};
  draft.type = 3;
  draft.soname = "libx.so.1";
  EXPECT_EQ(kind_of_elf(draft), FileKind::kSharedLibrary);
  draft = {};
  draft.type = 1;
  EXPECT_EQ(kind_of_elf(draft), FileKind::kObjectFile);
  draft = {};
  draft.machine = 183;
  EXPECT_EQ(kind_of_elf(draft), FileKind::kForeignElf);
  draft = {};
  draft.bits = 32;
  draft.machine = 3;
  EXPECT_EQ(kind_of_elf(draft), FileKind::kForeignElf) << "32-bit programs do not run on our kernel";
  draft.machine = 62;
  EXPECT_EQ(kind_of_elf(draft), FileKind::kForeignElf) << "x32";
  draft.machine = 3;
  draft.extra = multiboot1();
  EXPECT_EQ(kind_of_elf(draft), FileKind::kMultibootKernel);
  draft.bits = 64;
  draft.machine = 62;
  EXPECT_EQ(kind_of_elf(draft), FileKind::kMultibootKernel);
  draft.extra = multiboot2();
  EXPECT_EQ(kind_of_elf(draft), FileKind::kMultiboot2Kernel);
  draft.pvh_entry = 0x1000000;
  EXPECT_EQ(kind_of_elf(draft), FileKind::kPvhKernel);
  draft = {};
  draft.os_abi = 9;  // FreeBSD
  EXPECT_EQ(kind_of_elf(draft), FileKind::kForeignElf);
  EXPECT_EQ(kind_of("\x7f"
                    "ELF and then nothing"),
            FileKind::kUnknown);
}

TEST_F(RecogniseTest, TellsOtherFilesApart) {
  std::string boot(1024, '\0');
  boot.replace(510, 2, "\x55\xaa");
  EXPECT_EQ(kind_of("\xeb\x3c" + boot.substr(2)), FileKind::kDisk);
  const std::string gpt = "EFI PART" + std::string(504, '\0');
  EXPECT_EQ(kind_of("\xeb\x3c" + boot.substr(2, 510) + gpt), FileKind::kDisk);
  EXPECT_EQ(kind_of(boot.substr(0, 512) + gpt), FileKind::kEfiDisk) << "nothing that a BIOS could start";
  EXPECT_EQ(kind_of(boot), FileKind::kUnknown) << "a signature without code";
  boot.replace(0x202, 4, "HdrS");
  boot.resize(5 * 512);
  EXPECT_EQ(kind_of(boot), FileKind::kBzImage);
  std::string erofs(4096, '\0');
  erofs.replace(1024, 4, "\xe2\xe1\xf5\xe0");
  EXPECT_EQ(kind_of(erofs), FileKind::kErofs);
  EXPECT_EQ(kind_of(std::string(100, '\1') + multiboot1()), FileKind::kMultibootKernel);
  EXPECT_EQ(kind_of("#!/usr/bin/env python3\nprint()\n"), FileKind::kScript);
  EXPECT_EQ(kind_of("# syntax=docker/dockerfile:1\n\nARG X=1\nfrom debian:12\nRUN true\n"), FileKind::kDockerfile);
  EXPECT_EQ(kind_of("From: somebody\nSubject: no Dockerfile\n"), FileKind::kText);
  EXPECT_EQ(kind_of("plain text, ünï\n"), FileKind::kText);
  EXPECT_EQ(kind_of(""), FileKind::kEmpty);
  EXPECT_EQ(kind_of("PK\x03\x04 zip"), FileKind::kZip);
  EXPECT_EQ(kind_of(std::string("MZ\x90\0\3", 5)), FileKind::kWindowsProgram);
  EXPECT_EQ(kind_of(std::string("\xcf\xfa\xed\xfe\x07\0", 6)), FileKind::kMacProgram);
  EXPECT_EQ(kind_of("QFI\xfb...."), FileKind::kPackedDisk);
  EXPECT_EQ(kind_of("hsqs...."), FileKind::kSquashfs);
  EXPECT_EQ(kind_of(std::string("\0\1\2\3\4\5", 6)), FileKind::kUnknown);

  const std::vector<Member> members = {{"a", AE_IFREG, "text"}};
  EXPECT_EQ(kind_of(make_archive(members)), FileKind::kTar);
  EXPECT_EQ(kind_of(make_archive(members, archive_write_set_format_ustar, archive_write_add_filter_gzip)),
            FileKind::kTar);
  EXPECT_EQ(kind_of(make_archive(members, archive_write_set_format_ustar, archive_write_add_filter_zstd)),
            FileKind::kTar);
  EXPECT_EQ(kind_of(make_archive(members, archive_write_set_format_cpio)), FileKind::kCpio);
  EXPECT_EQ(kind_of(make_archive(members, archive_write_set_format_cpio_newc, archive_write_add_filter_xz)),
            FileKind::kCpio);
  EXPECT_EQ(kind_of(std::string("\x1f\x8b\x08", 3) + "no gzip"), FileKind::kCompressed);
  EXPECT_EQ(recognise(dir_)->kind, FileKind::kDirectory);
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(recognise(dir_ / "pipe")->kind, FileKind::kSpecial);
  EXPECT_EQ(recognise(dir_ / "absent").error().reason, "no_such_file");
}

// Boot sector, two sectors of setup, and `system` bytes, which the header counts in units of 16, rounded up.
std::string make_bzimage(std::size_t system, std::uint8_t setup_sectors = 2) {
  const std::size_t setup = 512 * (1U + (setup_sectors == 0 ? 4U : setup_sectors));
  std::string kernel(setup + system, '\0');
  kernel[0x1f1] = static_cast<char>(setup_sectors);
  std::string units;
  append_number(units, (system + 15) / 16, 4);
  kernel.replace(0x1f4, 4, units);
  kernel.replace(0x1fe, 2, "\x55\xaa");
  kernel.replace(0x202, 4, "HdrS");
  kernel.replace(0x206, 2, std::string("\x0c\x02", 2));
  return kernel;
}

TEST_F(RecogniseTest, ABzImageThatIsCutShortIsNoKernel) {
  const std::string whole = make_bzimage(142776);
  EXPECT_EQ(kind_of(whole), FileKind::kBzImage) << "its last unit is not filled";
  EXPECT_EQ(kind_of(whole + "a signature"), FileKind::kBzImage);
  EXPECT_EQ(kind_of(whole.substr(0, whole.size() - 16)), FileKind::kUnknown);
  EXPECT_EQ(kind_of(make_bzimage(4096, 0)), FileKind::kBzImage);
  EXPECT_EQ(kind_of(make_bzimage(4096, 0).substr(0, 2 * 512 + 4096)), FileKind::kUnknown) << "0 stands for 4 sectors";
  write_file(dir_ / "file", whole.substr(0, 60000));
  const Error error = choose_packer(dir_ / "file").error();
  EXPECT_EQ(error.reason, "not_deployable");
  EXPECT_NE(error.message.find("found a bzImage kernel that is cut short: 60000 bytes of at least 144305"),
            std::string::npos)
      << error.message;
  std::string old = make_bzimage(4096);
  old.replace(0x206, 2, std::string("\x03\x02", 2));
  old.replace(0x1f6, 2, "\x7f\x7f");
  EXPECT_EQ(kind_of(old), FileKind::kBzImage) << "before 2.04 the upper half of the size was not there";
}

TEST_F(RecogniseTest, TellsFilesOfThisMachine) {
  const std::pair<const char*, FileKind> kFiles[] = {
      {"/usr/bin/env", FileKind::kDynamicProgram},
      {"/lib64/ld-linux-x86-64.so.2", FileKind::kSharedLibrary},
      {"/usr/lib/x86_64-linux-gnu/libc.so.6", FileKind::kDynamicProgram},
      {"/usr/bin/ldd", FileKind::kScript},
      {"/etc/passwd", FileKind::kText},
      {"/usr/share/qemu/qboot.rom", FileKind::kUnknown},
      {"/boot/memtest86+x64.bin", FileKind::kBzImage},
      {"/usr/lib/ipxe/qemu/efi-e1000.rom", FileKind::kUnknown},
  };
  for (const auto& [path, kind] : kFiles) {
    if (!fs::exists(path)) continue;
    const auto found = recognise(path);
    ASSERT_OK(found);
    EXPECT_EQ(found->kind, kind) << path << ": " << found->description;
  }
}

TEST_F(RecogniseTest, ErrorsSayWhatWasFoundAndWhatToDo) {
  write_file(dir_ / "Dockerfile", "FROM scratch\n");
  const std::string docker = recognise_rootfs(dir_ / "Dockerfile").error().message;
  EXPECT_NE(docker.find("found a Dockerfile; there is no Docker here"), std::string::npos) << docker;
  write_file(dir_ / "run.py", "#!/usr/bin/python3\n");
  const Error script = choose_packer(dir_ / "run.py").error();
  EXPECT_EQ(script.reason, "not_deployable");
  EXPECT_NE(script.message.find("found a script for /usr/bin/python3; name the interpreter"), std::string::npos)
      << script.message;
  ElfDraft draft;
  draft.machine = 183;
  write_file(dir_ / "arm", make_elf(draft));
  const Error arm = recognise_program(dir_ / "arm").error();
  EXPECT_EQ(arm.reason, "not_a_program");
  EXPECT_NE(arm.message.find("found an ELF program for aarch64; build it for x86-64"), std::string::npos)
      << arm.message;
  draft = {};
  draft.bits = 32;
  write_file(dir_ / "x32", make_elf(draft));
  const Error x32 = choose_packer(dir_ / "x32").error();
  EXPECT_NE(x32.message.find("found an x32 ELF program, whose pointers have 32 bits; build it with -m64"),
            std::string::npos)
      << x32.message;
  EXPECT_EQ(recognise_kernel("/usr/bin/env").error().reason, "not_a_kernel");
  EXPECT_EQ(*choose_packer("/usr/bin/env"), DeployAs::kProgram);
  EXPECT_EQ(*choose_packer(dir_), DeployAs::kSource);
}

}  // namespace
}  // namespace unik::runtimes
