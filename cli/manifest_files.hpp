// The files of `-f` as texts, before anybody reads a field of them.
#pragma once

#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/session.hpp"
#include "codec/manifest.hpp"

namespace unik::cli {

inline constexpr std::size_t kMaxManifestFiles = 10'000;  // below one directory

// `-` is stdin; a directory gives its *.yaml, *.yml and *.json, sorted, with those of the directories below; hidden
// ones, unik.yaml, which is no manifest, and *.json that says nothing of `apiVersion` are left out. All together are
// read to codec::kMaxInputBytes and no further, so that an endless file is refused and not kept. Errors:
// `not_found`/`no_such_file`, `invalid`/`no_manifest`, `invalid`/`too_many_files`, `invalid`/`manifest_too_large`,
// which names the file.
Result<std::vector<codec::ManifestText>> read_manifest_files(const Session& session,
                                                             const std::vector<std::string>& paths);

// Whether a file describes a source to be built, and no object.
bool is_unik_yaml(const std::string& file);

}  // namespace unik::cli
