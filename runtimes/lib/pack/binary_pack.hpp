// `deploy BINARY`: a Linux program and what it needs becomes an image of the layers `kernel`, `base` and `app`.
//
// The same inputs give the same digest, on any host with the same zlib. Layers whose content the store already holds
// are not compressed again. Nothing is executed: the program and its libraries are only read.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/packed_image.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"

namespace unik::runtimes {

inline constexpr std::string_view kReleaseUser = "1000:1000";

// A file or directory of the host that is laid into the image, `--include PATH[:DEST]`.
struct Include {
  std::filesystem::path source;
  std::string dest;  // absolute in the guest

  bool operator==(const Include&) const = default;
};

// Without DEST an absolute PATH keeps its place and a relative one lands below /app. Errors: `invalid/bad_include` (a
// DEST that is relative or has `..`).
Result<Include> parse_include(std::string_view text);

// What the image's config says beside the program itself.
struct PackConfig {
  std::vector<std::string> args;           // after the program in the entry point
  std::map<std::string, std::string> env;  // over PATH
  std::string working_dir;                 // empty: /app for what lies there, else /
  std::string user{kReleaseUser};
  std::vector<std::uint16_t> ports;  // documented as exposed

  bool operator==(const PackConfig&) const = default;
};

struct BinaryPackOptions {
  std::filesystem::path binary;
  std::string name;  // the image's name in the store; empty: the binary's file name
  std::vector<Include> includes;
  PackConfig config;
  BaseRuntime base;
  std::filesystem::path sysroot = "/";  // where libraries are looked for
};

// A static program, or one of this user's, lands at /app/NAME; a dynamic one of the system (/usr, /bin, /sbin, /opt)
// keeps its path, since it finds its data by it. Errors: `not_found/no_such_file`, `invalid/not_a_program` (what was
// found, what is accepted), `invalid/missing_library`, `invalid/bad_include`, `unavailable/store_failed`.
Result<PackedImage> pack_binary(const BlobStore& store, const BinaryPackOptions& options);

// A directory of files that were built for Linux, laid below /app; `config.args` is the whole command, its first word
// a path in the guest, a path relative to /app, or a name that is looked for on PATH. Libraries of every dynamic
// program in it are added: of a runtime where there is one, else of `sysroot`. For source_build.hpp and lifecycle.hpp.
struct DirectoryPackOptions {
  std::filesystem::path directory;
  std::string name;
  std::vector<Include> includes;
  PackConfig config;
  BaseRuntime base;
  std::filesystem::path sysroot = "/";
  std::optional<RuntimeImage> runtime{};  // laid between base and app; libraries are then looked for in it alone
};
Result<PackedImage> pack_directory(const BlobStore& store, const DirectoryPackOptions& options);

}  // namespace unik::runtimes
