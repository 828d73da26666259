#include "runtimes/lib/elf/elf_info.hpp"

#include <random>

#include "runtimes/lib/elf/recognise.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

using ElfInfoTest = LibTest;

TEST_F(ElfInfoTest, ReadsAProgramOfThisMachineAsReadelfDoes) {
  const auto elf = read_elf("/usr/bin/env");
  ASSERT_OK(elf);
  EXPECT_EQ(elf->bits, 64);
  EXPECT_EQ(elf->machine, kMachineX86_64);
  EXPECT_EQ(elf->interpreter, "/lib64/ld-linux-x86-64.so.2");
  EXPECT_FALSE(elf->is_static());
  ASSERT_TRUE(elf->newest_glibc.has_value());
  if (!have("readelf")) GTEST_SKIP() << "no readelf here";
  const std::string dynamic = shell("readelf -dW /usr/bin/env");
  for (const std::string& name : elf->needed) EXPECT_NE(dynamic.find("[" + name + "]"), std::string::npos) << name;
  const std::string newest =
      shell("readelf -VW /usr/bin/env | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 | tr -d '\\n'");
  EXPECT_EQ("GLIBC_" + to_string(*elf->newest_glibc), newest);
}

TEST_F(ElfInfoTest, ReadsNotesPathsAndNames) {
  ElfDraft draft;
  draft.interpreter = "/lib/ld.so";
  draft.needed = {"libone.so.1", "libtwo.so"};
  draft.rpath = "/a:$ORIGIN/b";
  draft.pvh_entry = 0x100000;
  for (const int bits : {32, 64}) {
    draft.bits = bits;
    write_file(dir_ / "elf", make_elf(draft));
    const auto elf = read_elf(dir_ / "elf");
    ASSERT_OK(elf);
    EXPECT_EQ(elf->bits, bits);
    EXPECT_EQ(elf->interpreter, draft.interpreter);
    EXPECT_EQ(elf->needed, draft.needed);
    EXPECT_EQ(elf->rpath, (std::vector<std::string>{"/a", "$ORIGIN/b"}));
    EXPECT_EQ(elf->pvh_entry, 0x100000u);
  }
}

TEST_F(ElfInfoTest, AMultibootHeaderMaySayHowFarItsKernelReaches) {
  constexpr std::uint32_t kSaysWhere = 1 << 16;
  std::string kernel = multiboot1(kSaysWhere);
  for (const std::uint32_t word : {0x100000u, 0x100000u, 0x180000u, 0x200000u, 0x10000cu})
    append_number(kernel, word, 4);
  write_file(dir_ / "kernel", kernel);
  EXPECT_EQ(kernel_load_end(dir_ / "kernel"), mebibytes(2));
  write_file(dir_ / "kernel", multiboot1());
  EXPECT_EQ(kernel_load_end(dir_ / "kernel"), Bytes{});
}

TEST_F(ElfInfoTest, RefusesAFileThatIsCutShort) {
  for (const int bits : {32, 64}) {
    ElfDraft draft;
    draft.bits = bits;
    draft.extra = std::string(10'000, 'x');
    const std::string whole = make_elf(draft);
    write_file(dir_ / "elf", whole);
    const auto read = read_elf(dir_ / "elf");
    ASSERT_OK(read);
    EXPECT_EQ(read->load_end, 0x100000 + whole.size());
    EXPECT_EQ(kernel_load_end(dir_ / "elf").value, static_cast<std::int64_t>(read->load_end));
    for (const std::size_t cut : {std::size_t{1}, whole.size() / 2, whole.size() - 15, whole.size() - 4}) {
      write_file(dir_ / "elf", whole.substr(0, whole.size() - cut));
      const auto elf = read_elf(dir_ / "elf");
      ASSERT_FALSE(elf.ok()) << cut;
      EXPECT_NE(elf.error().message.find("cut short"), std::string::npos) << elf.error().message;
    }
  }
}

TEST_F(ElfInfoTest, FindsMultibootHeadersOnlyWhereTheyCount) {
  const auto with = [&](std::size_t at, const std::string& header) {
    std::string bytes(40000, 'x');
    bytes.replace(at, header.size(), header);
    write_file(dir_ / "kernel", bytes);
    return *find_multiboot(dir_ / "kernel");
  };
  EXPECT_TRUE(with(8192 - 12, multiboot1()).version1);
  EXPECT_FALSE(with(8192 - 8, multiboot1()).version1);
  EXPECT_FALSE(with(8190 - 12, multiboot1()).version1);  // not at a multiple of four
  EXPECT_TRUE(with(32768 - 16, multiboot2()).version2);
  EXPECT_FALSE(with(32768 - 8, multiboot2()).version2);
  std::string wrong = multiboot1();
  wrong[11] = static_cast<char>(wrong[11] + 1);
  EXPECT_FALSE(with(0, wrong).version1);
}

TEST_F(ElfInfoTest, SurvivesAnyFile) {
  std::vector<std::string> seeds = {slurp("/usr/bin/env")};
  for (const int bits : {32, 64}) {
    ElfDraft draft;
    draft.bits = bits;
    draft.interpreter = "/lib/ld.so";
    draft.needed = {"libone.so.1", "libtwo.so"};
    draft.runpath = "$ORIGIN";
    draft.pvh_entry = 1;
    seeds.push_back(make_elf(draft));
  }
  std::mt19937 random(20240101);
  int readable = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = seeds[random() % seeds.size()];
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    for (unsigned flips = random() % 8; flips > 0 && !bytes.empty(); --flips) {
      const std::size_t near = random() % 2 == 0 ? 1024 : bytes.size();
      const std::size_t at = random() % std::min(bytes.size(), near);
      bytes[at] = random() % 3 == 0 ? '\xff' : static_cast<char>(random());
    }
    std::ofstream(dir_ / "elf", std::ios::binary) << bytes;
    const auto elf = read_elf(dir_ / "elf");
    readable += elf.ok() ? 1 : 0;
    const std::string reason = elf ? "bad_elf" : elf.error().reason;
    EXPECT_TRUE(reason == "bad_elf" || reason == "not_elf") << reason;
    EXPECT_OK(recognise(dir_ / "elf"));
  }
  EXPECT_GT(readable, 300);
}

}  // namespace
}  // namespace unik::runtimes
