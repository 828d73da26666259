#include "cli/context.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "api/ids.hpp"
#include "api/resource.hpp"
#include "cli/suggestion.hpp"
#include "codec/tree.hpp"

namespace unik::cli {
namespace {

using codec::NodeKind;
using codec::TreeNode;

class ConfigReader {
 public:
  ConfigReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  void read(const TreeNode& root, Config& config) {
    each_member(root, "", "want `current`, `contexts`, `runtimes` and `images`",
                [&](std::string_view key, const TreeNode& value) {
                  if (key == "current") return take(value, "current", config.current);
                  if (key == "runtimes" || key == "images") return;  // runtime_settings.hpp reads them
                  if (key != "contexts")
                    return fault(std::string(key), "unknown field; want `current`, `contexts`, `runtimes` or `images`",
                                 value.offset);
                  each_member(value, "contexts", "want names with {url, token, tenant}",
                              [&](std::string_view name, const TreeNode& entry) {
                                read_context(entry, "contexts." + std::string(name),
                                             config.contexts[std::string(name)]);
                              });
                });
  }

  void fault(std::string path, std::string message, std::size_t offset) {
    const codec::Place place = codec::place_in(text_, offset);
    faults_.push_back({name_, place.line, place.column, std::move(path), std::move(message)});
  }
  const std::vector<Fault>& faults() const { return faults_; }

 private:
  template <typename Use>
  void each_member(const TreeNode& mapping, const std::string& path, const char* want, Use use) {
    if (mapping.kind != NodeKind::kMapping) return fault(path, want, mapping.offset);
    for (const TreeNode* key = mapping.child; key != nullptr && key->next != nullptr; key = key->next->next)
      use(key->text(), *key->next);
  }

  void read_context(const TreeNode& entry, const std::string& path, Context& context) {
    each_member(entry, path, "want {url, token, tenant}", [&](std::string_view key, const TreeNode& value) {
      const std::string at = path + "." + std::string(key);
      if (key == "url") return take(value, at, context.url);
      if (key == "token") return take(value, at, context.token);
      if (key == "tenant") return take(value, at, context.tenant);
      fault(at, "unknown field; want `url`, `token` or `tenant`", value.offset);
    });
  }

  // The value never stands in a fault: it may be a token.
  void take(const TreeNode& value, const std::string& path, std::string& out) {
    if (!value.is_scalar()) return fault(path, "want a text", value.offset);
    if (!is_null(value)) out = value.text();
  }

  std::string_view text_;
  const std::string& name_;
  std::vector<Fault> faults_;
};

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values)
    if (!value.empty()) return value;
  return "";
}

Result<const Context*> chosen_context(const std::string& name, const Config& config) {
  static const Context kNone;
  if (name.empty()) return &kNone;
  const auto found = config.contexts.find(name);
  if (found != config.contexts.end()) return &found->second;
  if (name == kLocalContext) return &kNone;
  std::vector<std::string> known;
  for (const auto& [key, context] : config.contexts) known.push_back(key);
  known.emplace_back(kLocalContext);
  return not_found("no_such_context", "want a context of config.yaml, got `" + name + "`" + did_you_mean(name, known) +
                                          "; add it under `contexts` or choose another with --context");
}

}  // namespace

std::filesystem::path config_path(const Environment& environment) {
  const std::string config = environment.get("XDG_CONFIG_HOME");
  const std::filesystem::path base =
      config.empty() ? std::filesystem::path(environment.get("HOME")) / ".config" : std::filesystem::path(config);
  return base / "unikctl" / "config.yaml";
}

Result<Config> parse_config(std::string_view text, const std::string& name) {
  codec::Tree tree;
  ConfigReader reader(text, name);
  Config config;
  codec::read_yaml(text, tree);
  for (const codec::Problem& problem : tree.problems()) reader.fault("", problem.message, problem.offset);
  if (reader.faults().empty() && tree.root() != nullptr && !is_null(*tree.root())) reader.read(*tree.root(), config);
  if (reader.faults().empty()) return config;
  Error error = invalid("bad_config", "the CLI's configuration cannot be read; mend or remove " + name);
  error.details = reader.faults();
  return error;
}

Result<Config> read_config(const Environment& environment) {
  const std::filesystem::path path = config_path(environment);
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return Config{};
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return invalid("bad_config", "cannot read " + path.string() + "; check its permissions");
  Result<Config> config = parse_config(text, path.string());
  if (!config) return config;
  const bool has_token =
      std::ranges::any_of(config->contexts, [](const auto& entry) { return !entry.second.token.empty(); });
  const std::filesystem::perms others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
  if (has_token && (std::filesystem::status(path, problem).permissions() & others) != std::filesystem::perms::none)
    return invalid("token_exposed", "want " + path.string() +
                                        " for you alone, since a token stands there, found that others may read or "
                                        "write it: `chmod 600 " +
                                        path.string() + "`");
  return config;
}

std::string local_socket(const Environment& environment) {
  return (home_of(environment) / "controller.sock").string();
}

Result<Target> resolve_target(const TargetFlags& flags, const Environment& environment, const Config& config) {
  Target target;
  const std::string env_url = environment.get("UNIKCTL_CONTROL_PLANE_URL");
  const std::string context_name = first_of({flags.context, environment.get("UNIKCTL_CONTEXT"), config.current});
  const auto context = chosen_context(context_name, config);
  if (!context) return context.error();

  // --context beats the variable: it was typed now.
  std::string url = flags.url;
  target.origin = "--url";
  const bool typed = !flags.context.empty() && (!(*context)->url.empty() || flags.context == kLocalContext);
  if (url.empty() && !typed && !env_url.empty()) {
    url = env_url;
    target.origin = "UNIKCTL_CONTROL_PLANE_URL";
  }
  const bool from_context = url.empty() && !(*context)->url.empty();
  if (from_context) {
    url = (*context)->url;
    target.origin = "context " + context_name;
  }
  if (url.empty()) {
    target.local = true;
    target.origin = "the local control plane";
    url = wire::to_string(wire::unix_endpoint(local_socket(environment)));
  }
  if (const std::string socket = local_socket(environment); target.local && socket.size() > wire::kMaxSocketPath)
    return invalid("home_too_long", "want a path of at most " + std::to_string(wire::kMaxSocketPath) +
                                        " bytes for the local control plane's socket, got the " +
                                        std::to_string(socket.size()) + " of " + socket +
                                        "; set UNIKCTL_HOME to a shorter path");
  auto endpoint = wire::parse_endpoint(url);
  if (!endpoint) {
    Error error = endpoint.error();
    error.message += " (from " + target.origin + ")";
    return error;
  }
  target.endpoint = std::move(endpoint).value();
  target.token = first_of({flags.token, environment.get("UNIKCTL_TOKEN"), from_context ? (*context)->token : ""});
  target.tenant = first_of({flags.tenant, environment.get("UNIKCTL_TENANT"), (*context)->tenant});
  target.tenant_chosen = !target.tenant.empty();
  if (!target.tenant_chosen) target.tenant = kDefaultTenant;
  if (!is_dns_label(target.tenant))
    return invalid("bad_tenant", "want a tenant's name (1 to 63 of a-z, 0-9 and -), got `" + target.tenant + "`");
  return target;
}

}  // namespace unik::cli
