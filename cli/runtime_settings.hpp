// What config.yaml says about runtimes and images, beside the contexts that context.hpp reads of it. Pure but for
// `read_runtime_settings`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "cli/environment.hpp"
#include "runtimes/lib/runtime/registry_fetch.hpp"

namespace unik::cli {

//   runtimes:
//     namespace: registry.example/team/runtimes
//     mirrors: [https://mirror.example/debian/20260101, file:///srv/packages]
//     registries:
//       - {name: team, url: "https://github.com/team/runtimes", public_key: RWQ…}
//       - {name: lab, url: "oci://registry.example/lab/runtimes"}
//   images:
//     trusted_keys: [RWQ…]
struct RuntimeSettings {
  std::string space;                 // `namespace`: begins the names of runtimes; empty: the default
  std::vector<std::string> mirrors;  // second sources of packages, tried in order
  std::vector<runtimes::ConfiguredRegistry> registries;  // asked in order
  std::vector<runtimes::PublicKey> trusted_keys;         // by which images are verified

  bool operator==(const RuntimeSettings&) const = default;
};

// `name` stands in faults. Errors: `invalid/bad_config`.
Result<RuntimeSettings> parse_runtime_settings(std::string_view text, const std::string& name);

// A missing file is empty settings.
Result<RuntimeSettings> read_runtime_settings(const Environment& environment);

}  // namespace unik::cli
