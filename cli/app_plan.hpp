// The App that `deploy` declares: what `unik.yaml` says under `deploy`, and what the flags say over it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/resource.hpp"
#include "api/result.hpp"
#include "codec/unik_yaml.hpp"

namespace unik::cli {

// As typed; empty and absent ones were not given.
struct AppFlags {
  std::string name;
  std::optional<std::uint32_t> replicas;
  std::string cpu;
  std::string memory;
  std::vector<std::string> env;            // NAME=VALUE, or NAME for the caller's own value
  std::vector<std::string> publish;        // [HOST:]PORT
  std::vector<std::string> node_selector;  // KEY=VALUE
  std::string restart;
  bool debug = false;

  bool operator==(const AppFlags&) const = default;
};

struct AppInputs {
  std::string tenant;
  std::string image;                               // `NAME@sha256:HEX`; empty with `source`
  std::vector<std::string> args;                   // after the image's entry point; empty: those of the recipe
  std::map<std::string, std::string> environment;  // of the caller, for `-e NAME`
  std::optional<codec::UnikYaml> recipe;
  std::string source = {};  // `sha256:HEX`, of a bundle that the control plane builds

  bool operator==(const AppInputs&) const = default;
};

// Resources that nobody named stay 0, so that a tenant's default goes first. What comes out is what a manifest may say.
// Errors: `invalid`/`bad_flags`, one fault for each wrong flag, or field of unik.yaml.
Result<App> plan_app(const AppFlags& flags, const AppInputs& inputs);

// The same faults as far as the flags alone tell them: before anything is built, which takes its time.
Result<void> check_flags(const AppFlags& flags, const AppInputs& inputs);

// Faults of an App's fields, `spec.replicas`, as those of what set them: `--replicas`, or unik.yaml. The user wrote no
// manifest, so the places in one go.
Error in_flags(Error error, const AppFlags& flags, bool has_recipe);

// `8080` (any free host port) or `18080:8080`. Errors: `invalid`/`bad_port`.
Result<Publication> parse_publish(std::string_view text);

}  // namespace unik::cli
