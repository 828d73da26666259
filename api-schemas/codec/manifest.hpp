// From the text that users write to Resources, with a place for every fault.
//
// `parse_manifests` takes whole files (YAML or JSON, several documents each) and either returns every document as a
// Resource, in the order written, or one Error that lists all faults at once. It is pure, may be called from any
// thread, and uses at most two threads of its own for large inputs; the result does not depend on how many.
//
// How scalars are read: by the core schema of YAML 1.2, so that `on`, `NO` and `2024-01-01` are the texts that they
// look like. Where text is wanted (env, args, labels), a number, boolean or null is refused ("put it in quotes"):
// `1.10` would lose a digit in other tools. A number wants plain decimal digits, a switch `true` or `false`, without
// quotes. Anchors and aliases work inside one document within a bound; merge keys (`<<`) and tags are refused.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/resource.hpp"
#include "api/result.hpp"

namespace unik::codec {

inline constexpr std::size_t kMaxDocumentBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxInputBytes = std::size_t{64} << 20;  // of all texts together
inline constexpr std::size_t kMaxDocuments = 100'000;                 // of all texts together
inline constexpr std::size_t kMaxNesting = 64;                        // mappings and sequences inside each other
inline constexpr std::size_t kMaxFaults = 100;                        // listed in one Error

struct ManifestText {
  std::string name;  // as it is to stand in faults: `apps/web.yaml`, `-`
  std::string text;

  bool operator==(const ManifestText&) const = default;
};

struct ParsedManifest {
  // An App's tenant is filled in; resources that it does not name are zero, for the tenant's defaults to be filled in
  // by who applies it. `uid` and `generation` are those of the file, else 0.
  Resource resource;
  Fault where;  // file, line and column of the document; path and message are empty

  bool operator==(const ParsedManifest&) const = default;
};

// Documents that hold nothing but comments are skipped. Apps without `metadata.tenant` get `default_tenant`.
// Errors, all of code `invalid`: `bad_manifest` with Error::details in the order of files, then of lines (the first
// kMaxFaults of them), also for the same object twice; `manifest_too_large`; `no_manifest` when nothing is left.
Result<std::vector<ParsedManifest>> parse_manifests(std::span<const ManifestText> texts,
                                                    std::string_view default_tenant = kDefaultTenant);

}  // namespace unik::codec
