// The files that dynamic programs need to start: their interpreter and, again and again, the libraries that these name,
// found as the dynamic loader would find them (RPATH, RUNPATH, $ORIGIN, the directories of ld.so.conf, the loader's
// own).
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/elf/elf_info.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxClosureFiles = 4096;

// A program or library, where it is now and where it will be.
struct ClosureRoot {
  std::filesystem::path file;
  std::string guest_path;  // absolute

  bool operator==(const ClosureRoot&) const = default;
};

struct ClosureFile {
  std::filesystem::path file;  // on this host, links resolved
  std::string guest_path;      // where the loader in the guest will find it
  std::string needed_by;       // guest path of the first that asked for it

  bool operator==(const ClosureFile&) const = default;
};

struct LibraryClosure {
  std::vector<ClosureFile> files;  // sorted by guest path; the roots are not in it
  std::optional<GlibcVersion> newest_glibc;

  bool operator==(const LibraryClosure&) const = default;
};

// `roots` that are no dynamic ELF are ignored. A library whose guest path is in `provided` is taken as there. Libraries
// keep the path by which the loader finds them; those from a directory of ld.so.conf, which the guest's loader does not
// read, are moved beside libc. With glibc, what it opens by itself is added where it exists: the NSS modules for files
// and DNS, and libgcc_s. Errors: `invalid/missing_library`, naming the library, who needs it and where it was looked
// for, or that it lies where PID 1 of the guest mounts another file system; `invalid/missing_interpreter`;
// `exhausted/closure_too_large`.
Result<LibraryClosure> library_closure(const std::vector<ClosureRoot>& roots,
                                       const std::filesystem::path& sysroot = "/",
                                       const std::set<std::string>& provided = {});

}  // namespace unik::runtimes
