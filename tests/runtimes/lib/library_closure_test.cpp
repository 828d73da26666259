#include "runtimes/lib/elf/library_closure.hpp"

#include <algorithm>

#include "runtimes/lib/elf/sysroot.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class LibraryClosureTest : public LibTest {
 protected:
  // A library of the made-up system below `dir_/sys`.
  void library(const std::string& path, ElfDraft draft = {}) {
    draft.type = 3;
    write_file(dir_ / "sys" / path, make_elf(draft));
  }
  ClosureRoot program(const std::string& path, ElfDraft draft, const std::string& guest_path = "") {
    draft.interpreter = "/lib64/ld-linux-x86-64.so.2";
    write_file(dir_ / "sys" / path, make_elf(draft), true);
    return {dir_ / "sys" / path, guest_path.empty() ? "/" + path : guest_path};
  }
  void glibc() {
    library("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
    library("usr/lib/x86_64-linux-gnu/libc.so.6");
    fs::create_directories(dir_ / "sys" / "lib64");
    fs::create_symlink("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", dir_ / "sys/lib64/ld-linux-x86-64.so.2");
    fs::create_symlink("usr/lib", dir_ / "sys" / "lib");
  }
  std::vector<std::string> places(const Result<LibraryClosure>& closure) {
    std::vector<std::string> paths;
    EXPECT_OK(closure);
    for (const ClosureFile& file : closure->files) paths.push_back(file.guest_path);
    return paths;
  }
};

TEST_F(LibraryClosureTest, HoldsAllThatAProgramOfThisMachineLoads) {
  for (const std::string program : {"/usr/bin/env", "/usr/bin/curl", "/usr/sbin/lighttpd"}) {
    if (!fs::exists(program)) continue;
    const auto closure = library_closure({{program, program}});
    ASSERT_OK(closure);
    FileTree tree;
    ASSERT_OK(put_node(tree, program, *host_file_node(program)));
    for (const ClosureFile& file : closure->files)
      ASSERT_OK(put_node(tree, file.guest_path, *host_file_node(file.file)));
    const fs::path root = dir_ / fs::path(program).filename();
    fs::create_directories(root);
    ASSERT_OK(write_tree(tree, root));
    for (const auto& [path, node] : tree)
      if (path.find("ld-linux") != std::string::npos && node.type == NodeType::kFile)
        fs::permissions(root / path, fs::perms(0755));
    // The loader of the tree itself lists what it loads, all of which must lie in the tree.
    int code = 1;
    const std::string loaded = shell("env -i LD_TRACE_LOADED_OBJECTS=1 " + root.string() +
                                         "/lib64/ld-linux-x86-64.so.2 " + "--inhibit-cache --library-path " +
                                         root.string() + "/usr/lib/x86_64-linux-gnu " + root.string() + program,
                                     &code);
    EXPECT_EQ(code, 0) << loaded;
    EXPECT_EQ(loaded.find("not found"), std::string::npos) << loaded;
    for (std::size_t at = loaded.find("=> "); at != std::string::npos; at = loaded.find("=> ", at + 1))
      EXPECT_TRUE(loaded.substr(at + 3).starts_with(root.string())) << loaded.substr(at, 80);
  }
}

TEST_F(LibraryClosureTest, LooksWhereTheLoaderLooks) {
  glibc();
  library("opt/own/liborigin.so");
  library("srv/rpath/librpath.so", [] {
    ElfDraft d;
    d.needed = {"libinherited.so"};
    return d;
  }());
  library("srv/rpath/libinherited.so");
  library("usr/local/lib/libconf.so");
  write_file(dir_ / "sys/etc/ld.so.conf", "# comment\ninclude /etc/ld.so.conf.d/*.conf\n");
  write_file(dir_ / "sys/etc/ld.so.conf.d/local.conf", "/usr/local/lib\n");
  write_file(dir_ / "sys/etc/ld.so.conf.d/ignored.txt", "/nowhere\n");
  library("usr/lib/x86_64-linux-gnu/libplain.so", [] {
    ElfDraft d;
    d.needed = {"libc.so.6"};
    return d;
  }());
  ElfDraft draft;
  draft.needed = {"liborigin.so", "librpath.so", "libconf.so", "libplain.so"};
  draft.rpath = "$ORIGIN/../own:/srv/rpath";
  const ClosureRoot root = program("opt/bin/app", draft, "/app/app");
  EXPECT_EQ(
      places(library_closure({root}, dir_ / "sys")),
      (std::vector<std::string>{"/lib64/ld-linux-x86-64.so.2", "/own/liborigin.so", "/srv/rpath/libinherited.so",
                                "/srv/rpath/librpath.so", "/usr/lib/x86_64-linux-gnu/libc.so.6",
                                "/usr/lib/x86_64-linux-gnu/libconf.so", "/usr/lib/x86_64-linux-gnu/libplain.so"}));
}

TEST_F(LibraryClosureTest, RunpathIsNotInherited) {
  glibc();
  library("srv/libone.so", [] {
    ElfDraft d;
    d.needed = {"libtwo.so"};
    return d;
  }());
  library("srv/libtwo.so");
  ElfDraft draft;
  draft.needed = {"libone.so"};
  draft.runpath = "/srv";
  EXPECT_EQ(library_closure({program("app", draft)}, dir_ / "sys").error().reason, "missing_library");
}

TEST_F(LibraryClosureTest, AMissingLibraryIsNamed) {
  glibc();
  ElfDraft draft;
  draft.needed = {"libabsent.so.3"};
  const ClosureRoot root = program("app", draft);
  const Error error = library_closure({root}, dir_ / "sys").error();
  EXPECT_EQ(error.reason, "missing_library");
  EXPECT_NE(error.message.find("libabsent.so.3"), std::string::npos);
  EXPECT_NE(error.message.find("/app: want"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("/usr/lib/x86_64-linux-gnu"), std::string::npos);
  EXPECT_OK(library_closure({root}, dir_ / "sys", {"/usr/lib/libabsent.so.3"}));
}

TEST_F(LibraryClosureTest, NothingIsFoundWherePid1MountsOverIt) {
  glibc();
  library("tmp/work/libfoo.so");
  ElfDraft draft;
  draft.needed = {"libfoo.so"};
  draft.runpath = "/tmp/work";
  const ClosureRoot root = program("srv/app", draft, "/app/app");
  const Error error = library_closure({root}, dir_ / "sys").error();
  EXPECT_EQ(error.reason, "missing_library");
  EXPECT_NE(error.message.find("want its library libfoo.so where the guest has it, found it as /tmp/work/libfoo.so, "
                               "where PID 1 mounts another file system over /tmp; bring it with --include "
                               "/tmp/work/libfoo.so:/usr/lib/libfoo.so"),
            std::string::npos)
      << error.message;
  EXPECT_OK(library_closure({root}, dir_ / "sys", {"/usr/lib/libfoo.so"}));
  library("usr/lib/libfoo.so");
  EXPECT_EQ(places(library_closure({root}, dir_ / "sys")),
            (std::vector<std::string>{"/lib64/ld-linux-x86-64.so.2", "/usr/lib/libfoo.so"}))
      << "the loader looks on";
  // A program that was built there brings the library beside it to where it will lie.
  draft.runpath = "$ORIGIN";
  EXPECT_EQ(places(library_closure({program("tmp/work/app", draft, "/app/app")}, dir_ / "sys")),
            (std::vector<std::string>{"/app/libfoo.so", "/lib64/ld-linux-x86-64.so.2"}));
}

TEST_F(LibraryClosureTest, AnInterpreterMustLieWhereTheGuestHasIt) {
  glibc();
  library("run/ld.so");
  ElfDraft draft;
  draft.interpreter = "/run/ld.so";
  draft.needed = {"libc.so.6"};
  write_file(dir_ / "sys" / "app", make_elf(draft), true);
  const Error error = library_closure({{dir_ / "sys" / "app", "/app/app"}}, dir_ / "sys").error();
  EXPECT_EQ(error.reason, "missing_interpreter");
  EXPECT_NE(error.message.find("got /run/ld.so, where PID 1 mounts another file system over /run"), std::string::npos)
      << error.message;
}

TEST_F(LibraryClosureTest, WithoutInterpreterThereIsNoProgram) {
  ElfDraft draft;
  draft.needed = {"libc.so.6"};
  EXPECT_EQ(library_closure({program("app", draft)}, dir_ / "sys").error().reason, "missing_interpreter");
}

TEST_F(LibraryClosureTest, PassesOverLibrariesOfAnotherMachine) {
  glibc();
  library("srv/libx.so", [] {
    ElfDraft d;
    d.machine = 183;
    return d;
  }());
  library("usr/lib/libx.so");
  ElfDraft draft;
  draft.needed = {"libx.so"};
  draft.runpath = "/srv";
  EXPECT_EQ(places(library_closure({program("app", draft)}, dir_ / "sys")),
            (std::vector<std::string>{"/lib64/ld-linux-x86-64.so.2", "/usr/lib/libx.so"}));
}

TEST_F(LibraryClosureTest, StaticProgramsAndOtherFilesNeedNothing) {
  write_file(dir_ / "text", "text");
  write_file(dir_ / "static", make_elf({}));
  EXPECT_TRUE(library_closure({{dir_ / "text", "/a"}, {dir_ / "static", "/b"}})->files.empty());
}

TEST_F(LibraryClosureTest, MuslIsItsOwnLibc) {
  fs::create_directories(dir_ / "sys/lib");
  library("lib/ld-musl-x86_64.so.1");
  library("usr/lib/libz.so.1", [] {
    ElfDraft d;
    d.needed = {"libc.musl-x86_64.so.1"};
    return d;
  }());
  ElfDraft draft;
  draft.needed = {"libc.musl-x86_64.so.1", "libz.so.1"};
  draft.interpreter = "/lib/ld-musl-x86_64.so.1";
  write_file(dir_ / "sys/app", make_elf(draft));
  EXPECT_EQ(places(library_closure({{dir_ / "sys/app", "/app/app"}}, dir_ / "sys")),
            (std::vector<std::string>{"/lib/ld-musl-x86_64.so.1", "/usr/lib/libz.so.1"}));
}

TEST(Sysroot, NormalPaths) {
  EXPECT_EQ(normal_path("/a/./b/../c//d/"), "/a/c/d");
  EXPECT_EQ(normal_path("/../.."), "/");
  EXPECT_EQ(directory_of("/a"), "/");
  EXPECT_EQ(directory_of("/a/b"), "/a");
}

}  // namespace
}  // namespace unik::runtimes
