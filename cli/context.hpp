// Which control plane a command speaks to, as whom, and for which tenant: flags, then variables, then the context of
// config.yaml, then the local one. Pure but for `read_config`.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "cli/environment.hpp"
#include "wire/endpoint.hpp"

namespace unik::cli {

// The local control plane as a context, where config.yaml has none of that name.
inline constexpr std::string_view kLocalContext = "local";

// Empty: not given.
struct TargetFlags {
  std::string url;
  std::string token;
  std::string tenant;
  std::string context;

  bool operator==(const TargetFlags&) const = default;
};

// One entry of `contexts`.
struct Context {
  std::string url;
  std::string token;
  std::string tenant;

  bool operator==(const Context&) const = default;
};

//   current: prod
//   contexts:
//     prod: {url: https://control.example:7443, token: …, tenant: team-a}
struct Config {
  std::string current;
  std::map<std::string, Context> contexts;

  bool operator==(const Config&) const = default;
};

struct Target {
  wire::Endpoint endpoint;
  std::string token;
  std::string tenant;
  bool tenant_chosen = false;  // by a flag, a variable or the context; else it is the default one
  bool local = false;          // ours: started where it does not run
  std::string origin;          // what named it, for errors: `--url`, `context prod`, `the local control plane`

  bool operator==(const Target&) const = default;
};

// $XDG_CONFIG_HOME/unikctl/config.yaml, else ~/.config/unikctl/config.yaml.
std::filesystem::path config_path(const Environment& environment);

// `name` stands in faults. Errors: `invalid`/`bad_config`.
Result<Config> parse_config(std::string_view text, const std::string& name);

// A missing file is an empty Config.
Result<Config> read_config(const Environment& environment);

// Errors: `invalid`/`bad_endpoint`, `invalid`/`home_too_long`, `not_found`/`no_such_context`, `invalid`/`bad_tenant`. A
// context's token is used with that context's URL alone.
Result<Target> resolve_target(const TargetFlags& flags, const Environment& environment, const Config& config);

// The socket of the local controller.
std::string local_socket(const Environment& environment);

}  // namespace unik::cli
