#include "runtimes/lib/oci/layer.hpp"

#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class LayerTest : public LibTest {
 protected:
  Result<void> apply(FileTree& tree, const std::string& bytes, const LayerLimits& limits = {}) {
    auto sink = spool_sink(dir_);
    EXPECT_OK(sink);
    LayerTotals totals;
    return apply_layer(tree, source_of(bytes), *sink, totals, limits);
  }
  std::string reason_of(const std::vector<Member>& members) {
    FileTree tree;
    const Result<void> applied = apply(tree, make_archive(members));
    return applied ? "" : applied.error().reason;
  }
  FileTree tree_of(const std::vector<Member>& members) {
    FileTree tree;
    EXPECT_OK(apply(tree, make_archive(members)));
    return tree;
  }
};

void fill(const fs::path& at, bool other_order) {
  std::vector<std::pair<std::string, std::string>> files = {
      {"bin/run", "#!program"}, {"etc/a", "a"}, {"etc/b", ""}, {"ünï cödé/x", "y"}, {"big", std::string(1 << 20, 'z')}};
  files.emplace_back("long/" + std::string(120, 'p') + "/" + std::string(200, 'n'), "long name");
  if (other_order) std::reverse(files.begin(), files.end());
  for (const auto& [path, text] : files) write_file(at / path, text, path == "bin/run");
  fs::create_symlink("bin/run", at / "link");
  fs::create_symlink(std::string(90, 'd') + "/../" + std::string(60, 'e'), at / "dangling");
  fs::create_directories(at / "empty");
}

TEST_F(LayerTest, TheSameFilesGiveTheSameBytes) {
  fill(dir_ / "one", false);
  fill(dir_ / "two", true);
  fs::last_write_time(dir_ / "two" / "etc" / "a", fs::file_time_type::clock::now() - std::chrono::hours(1000));
  FileTree one, two;
  ASSERT_OK(add_host_directory(one, "app", dir_ / "one"));
  ASSERT_OK(add_host_directory(two, "app", dir_ / "two"));
  const auto first = put_layer(store("s1"), one, "app"), second = put_layer(store("s2"), two, "app");
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ(first->descriptor, second->descriptor);
  EXPECT_EQ(first->diff_id, second->diff_id);
  EXPECT_FALSE(second->reused);
  const auto again = put_layer(store("s1"), two, "app");
  ASSERT_OK(again);
  EXPECT_TRUE(again->reused);
  EXPECT_EQ(again->descriptor, first->descriptor);
}

TEST_F(LayerTest, ReadsBackWhatItWrote) {
  fill(dir_ / "one", false);
  FileTree tree;
  ASSERT_OK(add_host_directory(tree, "", dir_ / "one"));
  tree["etc/a"].uid = 3'000'000;  // beyond octal
  tree["etc/a"].mode = 04755;
  const BlobStore blobs = store();
  const auto layer = put_layer(blobs, tree, "app");
  ASSERT_OK(layer);
  FileTree back;
  auto sink = spool_sink(dir_);
  ASSERT_OK(apply_layer(back, blobs, layer->descriptor, *sink));
  EXPECT_EQ(picture(back), picture(tree));
  EXPECT_EQ(back.at("bin/run").mtime, kSourceDateEpoch);
}

TEST_F(LayerTest, OtherToolsReadItToo) {
  fill(dir_ / "one", false);
  FileTree tree;
  ASSERT_OK(add_host_directory(tree, "", dir_ / "one"));
  const BlobStore blobs = store();
  const auto layer = put_layer(blobs, tree, "app");
  ASSERT_OK(layer);
  fs::create_directories(dir_ / "out");
  int code = 1;
  shell("tar -xzf " + blobs.blob_path(layer->descriptor.digest).string() + " -C " + (dir_ / "out").string(), &code);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(shell("diff -r --no-dereference " + (dir_ / "one").string() + " " + (dir_ / "out").string()), "");
}

TEST_F(LayerTest, NoticesAFileThatChangesWhileItIsPacked) {
  write_file(dir_ / "f", "1234567890");
  FileTree tree;
  ASSERT_OK(put_node(tree, "f", *host_file_node(dir_ / "f")));
  write_file(dir_ / "f", "123");
  EXPECT_EQ(put_layer(store(), tree, "app").error().reason, "source_changed");
}

TEST_F(LayerTest, RefusesPathsThatLeaveTheRoot) {
  EXPECT_EQ(reason_of({{"../evil", AE_IFREG, "x"}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{"a/../../evil", AE_IFREG, "x"}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{"a/..", AE_IFDIR}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{"x", AE_IFREG, "", "../../etc/passwd"}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{"x", AE_IFREG, "", "/etc/passwd"}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{"f", AE_IFREG, "x"}, {"f/below", AE_IFREG, "y"}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{"loop", AE_IFLNK, "loop"}, {"loop/f", AE_IFREG, "y"}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{"deep" + std::string(2 * kMaxTreeDepth, '/') + "x", AE_IFREG, "y"}}), "");
  std::string deep;
  for (std::size_t i = 0; i <= kMaxTreeDepth; ++i) deep += "d/";
  EXPECT_EQ(reason_of({{deep + "x", AE_IFREG, "y"}}), "unsafe_layer");
  EXPECT_EQ(reason_of({{std::string(300, 'n'), AE_IFREG, "y"}}), "unsafe_layer");
}

TEST_F(LayerTest, LinksStayInTheGuest) {
  // An absolute name is one of the guest's, and what lies behind a link lands inside the tree.
  const FileTree tree = tree_of({{"/etc/abs", AE_IFREG, "1"},
                                 {"out", AE_IFLNK, "/../../../etc"},
                                 {"out/passwd", AE_IFREG, "2"},
                                 {"up", AE_IFLNK, "../../.."},
                                 {"up/etc/shadow", AE_IFREG, "3"}});
  EXPECT_EQ(picture(tree),
            "dir 755 etc\nfile 644 0:0 etc/abs =1\nfile 644 0:0 etc/passwd =2\nfile 644 0:0 etc/shadow =3\n"
            "link out -> /../../../etc\nlink up -> ../../..\n");
  fs::create_directories(dir_ / "out");
  ASSERT_OK(write_tree(tree, dir_ / "out"));
  EXPECT_EQ(slurp(dir_ / "out" / "etc" / "passwd"), "2");
}

TEST_F(LayerTest, DevicesAndPipesAreLeftOut) {
  const FileTree tree =
      tree_of({{"dev/sda", AE_IFBLK}, {"dev/null", AE_IFCHR}, {"pipe", AE_IFIFO}, {"f", AE_IFREG, "x"}});
  EXPECT_EQ(picture(tree), "file 644 0:0 f =x\n");
}

TEST_F(LayerTest, HardLinksBecomeFiles) {
  const std::string big(5000, 'b');
  const FileTree tree = tree_of({{"a", AE_IFREG, big, "", 0755}, {"b", AE_IFREG, "", "a"}});
  EXPECT_EQ(picture(tree), "file 755 0:0 a =" + big + "\nfile 755 0:0 b =" + big + "\n");
}

TEST_F(LayerTest, WhiteoutsHideWhatLiesBelow) {
  FileTree tree = tree_of(
      {{"etc/a", AE_IFREG, "1"}, {"etc/b", AE_IFREG, "2"}, {"opt/x/y", AE_IFREG, "3"}, {"opt/z", AE_IFREG, "4"}});
  ASSERT_OK(apply(tree, make_archive({{"etc/.wh.a", AE_IFREG},
                                      {"opt/new", AE_IFREG, "5"},
                                      {"opt/.wh..wh..opq", AE_IFREG},
                                      {"etc/.wh.absent", AE_IFREG}})));
  EXPECT_EQ(picture(tree), "dir 755 etc\nfile 644 0:0 etc/b =2\ndir 755 opt\nfile 644 0:0 opt/new =5\n");
  FileTree other;
  EXPECT_EQ(apply(other, make_archive({{"d/.wh...", AE_IFREG}})).error().reason, "unsafe_layer");
}

TEST_F(LayerTest, LaterLayersReplace) {
  FileTree tree = tree_of({{"lib", AE_IFLNK, "usr/lib"}, {"usr/lib/a", AE_IFREG, "1"}, {"dir/in", AE_IFREG, "2"}});
  ASSERT_OK(apply(tree, make_archive({{"lib/b", AE_IFREG, "3"}, {"dir", AE_IFREG, "now a file"}})));
  EXPECT_EQ(picture(tree),
            "file 644 0:0 dir =now a file\nlink lib -> usr/lib\ndir 755 usr\ndir 755 usr/lib\n"
            "file 644 0:0 usr/lib/a =1\nfile 644 0:0 usr/lib/b =3\n");
}

TEST_F(LayerTest, BombsAreBounded) {
  std::vector<Member> many;
  for (int i = 0; i < 50; ++i) many.push_back({"f" + std::to_string(i), AE_IFREG, std::string(1000, '\0')});
  FileTree tree;
  EXPECT_EQ(apply(tree, make_archive(many), {49, mebibytes(1)}).error().reason, "layer_too_large");
  EXPECT_EQ(apply(tree, make_archive(many), {1000, Bytes{49'999}}).error().reason, "layer_too_large");
  EXPECT_OK(apply(tree, make_archive(many), {50, Bytes{50'000}}));
  // A header that promises far more than there is costs nothing.
  std::string huge = make_archive({{"f", AE_IFREG, "x"}}, archive_write_set_format_ustar);
  huge.replace(124, 11, "77777777777");
  huge.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (int i = 0; i < 512; ++i) sum += static_cast<unsigned char>(huge[static_cast<std::size_t>(i)]);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  huge.replace(148, 7, digits, 7);
  EXPECT_EQ(apply(tree, huge, {10, mebibytes(1024)}).error().reason, "layer_too_large");
  // 100 MB of zeros in 100 KB, against a limit of 1 MB.
  const std::string packed = make_archive({{"zeros", AE_IFREG, std::string(100 << 20, '\0')}},
                                          archive_write_set_format_ustar, archive_write_add_filter_gzip);
  EXPECT_LT(packed.size(), 200'000u);
  EXPECT_EQ(apply(tree, packed, {10, mebibytes(1)}).error().reason, "layer_too_large");
}

TEST_F(LayerTest, AMillionEntriesStopAtTheBound) {
  // One header, a million and one times under the same name, in a few kilobytes: what counts is entries, not files.
  const std::string one = make_archive({{"f", AE_IFREG, ""}}, archive_write_set_format_ustar).substr(0, 512);
  std::size_t left = kMaxTreeEntries + 1;
  std::size_t at = 0;
  const ByteSource source = [&](std::span<char> into) -> Result<std::size_t> {
    std::size_t got = 0;
    while (left > 0 && got < into.size()) {
      const std::size_t part = std::min(into.size() - got, one.size() - at);
      std::copy_n(one.data() + at, part, into.data() + got);
      got += part;
      at = (at + part) % one.size();
      if (at == 0) --left;
    }
    return got;
  };
  FileTree tree;
  LayerTotals totals;
  const auto applied = apply_layer(tree, source, *spool_sink(dir_), totals);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().reason, "layer_too_large");
  EXPECT_EQ(tree.size(), 1u);
}

TEST_F(LayerTest, AHardLinkCountsAsTheFileThatItBecomes) {
  FileTree tree;
  std::vector<Member> links = {{"f", AE_IFREG, std::string(1000, 'x')}};
  for (int i = 0; i < 9; ++i) links.push_back({"link" + std::to_string(i), AE_IFREG, "", "f"});
  EXPECT_OK(apply(tree, make_archive(links), {10, Bytes{10'000}}));
  EXPECT_EQ(apply(tree, make_archive(links), {10, Bytes{9'999}}).error().reason, "layer_too_large");
}

TEST_F(LayerTest, TheLayersOfOneImageHaveOneLimit) {
  const std::string layer = make_archive({{"f", AE_IFREG, std::string(1000, 'x')}});
  const auto lay = [&](const LayerLimits& limits) {
    FileTree tree;
    LayerTotals totals;
    for (int i = 0; i < 3; ++i)
      if (auto applied = apply_layer(tree, source_of(layer), *spool_sink(dir_), totals, limits); !applied)
        return applied.error().reason;
    return std::string();
  };
  EXPECT_EQ(lay({3, Bytes{3'000}}), "");
  EXPECT_EQ(lay({3, Bytes{2'999}}), "layer_too_large");
  EXPECT_EQ(lay({2, Bytes{3'000}}), "layer_too_large");
}

TEST_F(LayerTest, BrokenArchivesAreRefused) {
  const std::string whole = make_archive({{"f", AE_IFREG, std::string(20000, 'x')}}, archive_write_set_format_ustar,
                                         archive_write_add_filter_gzip);
  FileTree tree;
  for (const std::size_t cut : {std::size_t{11}, whole.size() / 2})
    EXPECT_EQ(apply(tree, whole.substr(0, cut)).error().reason, "bad_layer") << cut;
  EXPECT_EQ(apply(tree, "this is no tar at all, whatever it may be called").error().reason, "bad_layer");
  EXPECT_EQ(apply(tree, make_archive({{"f", AE_IFREG, "x"}}, archive_write_set_format_cpio)).error().reason,
            "bad_layer");
}

TEST_F(LayerTest, ADamagedBlobIsWrittenAgain) {
  const BlobStore blobs = store();
  FileTree tree;
  ASSERT_OK(put_node(tree, "f", {NodeType::kFile, 0644, 0, 0, 0, 5000, {}, std::string(5000, 'q')}));
  const auto layer = put_layer(blobs, tree, "app");
  ASSERT_OK(layer);
  const std::string whole = slurp(blobs.blob_path(layer->descriptor.digest));
  write_file(blobs.blob_path(layer->descriptor.digest), std::string(whole.size(), '?'));
  const auto again = put_layer(blobs, tree, "app");
  ASSERT_OK(again);
  EXPECT_FALSE(again->reused);
  EXPECT_EQ(again->descriptor, layer->descriptor);
  EXPECT_EQ(slurp(blobs.blob_path(layer->descriptor.digest)), whole);
  EXPECT_TRUE(put_layer(blobs, tree, "app")->reused);
}

TEST_F(LayerTest, DamagedBlobsAreToldFromBadArchives) {
  const BlobStore blobs = store();
  FileTree tree;
  ASSERT_OK(put_node(tree, "f", {NodeType::kFile, 0644, 0, 0, 0, 5000, {}, std::string(5000, 'q')}));
  const auto layer = put_layer(blobs, tree, "app");
  ASSERT_OK(layer);
  const fs::path path = blobs.blob_path(layer->descriptor.digest);
  std::string bytes = slurp(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x20);
  std::ofstream(path, std::ios::binary) << bytes;
  auto sink = spool_sink(dir_);
  FileTree back;
  EXPECT_EQ(apply_layer(back, blobs, layer->descriptor, *sink).error().reason, "corrupt_blob");
}

TEST_F(LayerTest, AWholeRootMayBeATarOrACpio) {
  const std::vector<Member> members = {{"sbin/app", AE_IFREG, "program", "", 0755},
                                       {"etc/.wh.keep", AE_IFREG, "as it is"}};
  auto sink = spool_sink(dir_);
  for (const auto format :
       {archive_write_set_format_pax, archive_write_set_format_cpio, archive_write_set_format_cpio_newc})
    for (const auto filter : {archive_write_add_filter_none, archive_write_add_filter_gzip,
                              archive_write_add_filter_zstd, archive_write_add_filter_xz}) {
      write_file(dir_ / "root.archive", make_archive(members, format, filter));
      FileTree tree;
      ASSERT_OK(apply_archive(tree, dir_ / "root.archive", *sink));
      EXPECT_EQ(picture(tree),
                "dir 755 etc\nfile 644 0:0 etc/.wh.keep =as it is\ndir 755 sbin\nfile 755 0:0 sbin/app =program\n");
    }
}

TEST_F(LayerTest, ACpioGivesContentWithTheLastName) {
  if (!have("cpio")) GTEST_SKIP() << "no cpio here";
  write_file(dir_ / "in" / "a", "shared content");
  fs::create_hard_link(dir_ / "in" / "a", dir_ / "in" / "b");
  shell("cd " + (dir_ / "in").string() + " && printf 'a\\nb\\n' | cpio -o -H newc > ../links.cpio");
  auto sink = spool_sink(dir_);
  FileTree tree;
  ASSERT_OK(apply_archive(tree, dir_ / "links.cpio", *sink));
  EXPECT_NE(picture(tree).find(" a =shared content"), std::string::npos) << picture(tree);
  EXPECT_NE(picture(tree).find(" b =shared content"), std::string::npos) << picture(tree);
}

TEST_F(LayerTest, LinksThatLeaveASourceAreRefused) {
  write_file(dir_ / "outside", "secret");
  for (const char* target : {"/etc/passwd", "../outside", "in/../../outside", "dot/in/../../outside"}) {
    const fs::path source = dir_ / "source";
    fs::remove_all(source);
    fs::create_directories(source / "in");
    fs::create_symlink(".", source / "dot");
    fs::create_symlink(target, source / "link");
    FileTree tree;
    EXPECT_EQ(add_host_directory(tree, "app", source).error().reason, "unsafe_source") << target;
  }
  // Lexically inside, but through a link it is not.
  const fs::path source = dir_ / "sly";
  fs::create_directories(source);
  fs::create_symlink(".", source / "here");
  fs::create_symlink("here/x/../outside", source / "link");
  fs::create_symlink(".", source / "x");
  FileTree tree;
  EXPECT_EQ(add_host_directory(tree, "app", source).error().reason, "unsafe_source");
}

}  // namespace
}  // namespace unik::runtimes
