// `unik.yaml`: how the source of an app is built and, under `deploy`, what its App shall look like.
#pragma once

#include <string>
#include <vector>

#include "api/resource.hpp"
#include "api/result.hpp"
#include "codec/manifest.hpp"

namespace unik::codec {

// Empty texts and lists were not given: the pack chooses.
struct UnikYaml {
  int version = 1;
  std::string language;                  // `python`, `nodejs`, `go` ...
  std::string runtime;                   // `python@1.2.0`
  std::string build_command;             // run by `sh -c` in the source's directory
  std::string artifact_path;             // file or directory, relative to the source, that goes into the image
  std::vector<std::string> run_command;  // argv in the guest
  AppSpec deploy;                        // without `source` and `boot.image`; resources that it does not name are zero

  bool operator==(const UnikYaml&) const = default;
};

// One document. Errors as of parse_manifests. An empty file is the default value.
Result<UnikYaml> parse_unik_yaml(const ManifestText& text);

// The file that gives `value` back; fields that were not given are left out.
std::string to_yaml(const UnikYaml& value);

}  // namespace unik::codec
