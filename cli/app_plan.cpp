#include "cli/app_plan.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "cli/suggestion.hpp"
#include "codec/json.hpp"
#include "codec/manifest.hpp"

namespace unik::cli {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Error bad_flags(std::vector<Fault> faults) {
  Error error = invalid("bad_flags", faults.size() == 1 ? "a flag has no such value" : "flags have no such values");
  error.details = std::move(faults);
  return error;
}

// What sets the field `path`, if it was given; empty otherwise.
std::string flag_of(std::string_view path, const AppFlags& flags) {
  const std::tuple<std::string_view, std::string_view, bool> setters[] = {
      {"metadata.name", "--name", true},
      {"spec.replicas", "--replicas", flags.replicas.has_value()},
      {"spec.resources.cpu", "--cpu", !flags.cpu.empty()},
      {"spec.resources.memory", "--memory", !flags.memory.empty()},
      {"spec.env", "--env", !flags.env.empty()},
      {"spec.ports", "--publish", !flags.publish.empty()},
      {"spec.placement.nodeSelector", "--node-selector", !flags.node_selector.empty()},
      {"spec.restart.policy", "--restart", !flags.restart.empty()},
      {"spec.args", "the words after `--`", true},
  };
  for (const auto& [field, flag, given] : setters)
    if (given && path.starts_with(field)) return std::string(flag);
  return "";
}

class Planner {
 public:
  Planner(const AppFlags& flags, const AppInputs& inputs) : flags_(flags), inputs_(inputs) {}

  Result<App> plan() {
    App app;
    app.metadata.name = flags_.name;
    app.metadata.tenant = inputs_.tenant;
    if (inputs_.recipe) app.spec = inputs_.recipe->deploy;
    app.spec.source = inputs_.source;
    app.spec.boot.image = inputs_.image;
    if (!inputs_.args.empty()) app.spec.boot.args = inputs_.args;
    if (flags_.replicas) app.spec.replicas = *flags_.replicas;
    if (!is_dns_label(flags_.name) || flags_.name.size() > kMaxAppName)
      fault("--name", "want 1 to " + std::to_string(kMaxAppName) + " of a-z, 0-9 and -, got `" + flags_.name + "`");
    set_resources(app.spec.boot.resources);
    set_environment(app.spec.boot.env);
    set_publications(app.spec);
    set_selector(app.spec.placement.node_selector);
    set_restart(app.spec.run.restart.policy);
    if (flags_.debug) app.spec.boot.debug = true;
    if (!faults_.empty()) return bad_flags(std::move(faults_));
    const codec::ManifestText text{"", codec::to_json(Resource(app))};
    if (const auto read = codec::parse_manifests({&text, 1}, inputs_.tenant); !read)
      return bad_flags(in_flags(read.error(), flags_, inputs_.recipe.has_value()).details);
    return app;
  }

 private:
  void fault(std::string flag, std::string message) {
    faults_.push_back({"", 0, 0, std::move(flag), std::move(message)});
  }

  // Nothing would be taken for nothing said; too little is found with all that no manifest may say.
  template <typename Amount>
  void set_amount(const char* flag, const std::string& text, const Result<Amount>& read, const std::string& least,
                  Amount& out) {
    if (!read) return fault(flag, read.error().message);
    if (*read == Amount{}) return fault(flag, "want at least " + least + ", got `" + text + "`");
    out = *read;
  }

  void set_resources(Resources& resources) {
    if (const std::string& cpu = flags_.cpu; !cpu.empty())
      set_amount("--cpu", cpu, parse_milli_cpu(cpu), format_milli_cpu(kLeastCpu), resources.cpu);
    if (const std::string& memory = flags_.memory; !memory.empty())
      set_amount("--memory", memory, parse_bytes(memory), format_bytes(kLeastMemory), resources.memory);
  }

  void set_environment(std::map<std::string, std::string>& env) {
    for (const std::string& pair : flags_.env) {
      const std::size_t equals = pair.find('=');
      const std::string name = pair.substr(0, equals);
      if (name.empty()) {
        fault("--env", "want NAME=VALUE or NAME, got no name");
      } else if (equals != std::string::npos) {
        env[name] = pair.substr(equals + 1);
      } else if (const auto own = inputs_.environment.find(name); own != inputs_.environment.end()) {
        env[name] = own->second;
      } else {
        fault("--env", "want " + name + "=VALUE, since " + name + " is not set here");
      }
    }
  }

  // They win over those of a recipe. One port has one host port, as in a manifest.
  void set_publications(AppSpec& spec) {
    std::map<std::uint16_t, std::string> by_flag;
    for (const std::string& text : flags_.publish) {
      auto publication = parse_publish(text);
      if (!publication) {
        fault("--publish", publication.error().message);
        continue;
      }
      const auto [before, added] = by_flag.try_emplace(publication->port, text);
      if (!added && before->second != text) {
        fault("--publish", "want one host port for port " + std::to_string(publication->port) + ", got `" +
                               before->second + "` and `" + text + "`");
        continue;
      }
      auto& ports = spec.boot.ports;
      const auto same =
          std::find_if(ports.begin(), ports.end(), [&](const Port& port) { return port.port == publication->port; });
      publication->port_name = same != ports.end() ? same->name : "p" + std::to_string(publication->port);
      if (same == ports.end()) ports.push_back({publication->port_name, publication->port});
      auto& published = spec.run.publications;
      std::erase_if(published, [&](const Publication& other) { return other.port == publication->port; });
      published.push_back(*publication);
    }
  }

  void set_selector(Labels& selector) {
    for (const std::string& pair : flags_.node_selector) {
      const std::size_t equals = pair.find('=');
      if (equals == 0 || equals == std::string::npos)
        fault("--node-selector", "want KEY=VALUE, got `" + pair + "`");
      else
        selector[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
  }

  void set_restart(RestartPolicy& policy) {
    if (flags_.restart.empty()) return;
    if (flags_.restart == "always") {
      policy = RestartPolicy::kAlways;
    } else if (flags_.restart == "on-failure") {
      policy = RestartPolicy::kOnFailure;
    } else if (flags_.restart == "never") {
      policy = RestartPolicy::kNever;
    } else {
      const std::vector<std::string> known{"always", "on-failure", "never"};
      fault("--restart",
            "want always, on-failure or never, got `" + flags_.restart + "`" + did_you_mean(flags_.restart, known));
    }
  }

  const AppFlags& flags_;
  const AppInputs& inputs_;
  std::vector<Fault> faults_;
};

}  // namespace

Result<App> plan_app(const AppFlags& flags, const AppInputs& inputs) {
  return Planner(flags, inputs).plan();
}

Result<void> check_flags(const AppFlags& flags, const AppInputs& inputs) {
  AppFlags named = flags;
  if (named.name.empty()) named.name = "of-the-subject";
  AppInputs alone = inputs;
  alone.image = "image@sha256:" + std::string(64, '0');
  alone.recipe.reset();
  const auto app = plan_app(named, alone);
  return app ? Result<void>() : Result<void>(app.error());
}

Error in_flags(Error error, const AppFlags& flags, bool has_recipe) {
  for (Fault& fault : error.details) {
    fault.file.clear();
    fault.line = fault.column = 0;
    if (std::string flag = flag_of(fault.path, flags); !flag.empty()) {
      fault.path = std::move(flag);
    } else if (has_recipe && fault.path.starts_with("spec.")) {
      fault.file = "unik.yaml";
      fault.path.replace(0, std::string_view("spec").size(), "deploy");
    }
  }
  return error;
}

Result<Publication> parse_publish(std::string_view text) {
  const Error bad = invalid("bad_port",
                            "want [HOST_PORT:]PORT with ports from 1 to 65535, such as 8080 or 18080:8080, "
                            "got `" +
                                std::string(text) + "`");
  Publication publication;
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    publication.host_port = parse_port(text.substr(0, colon));
    if (!publication.host_port) return bad;
    text.remove_prefix(colon + 1);
  }
  const auto port = parse_port(text);
  if (!port) return bad;
  publication.port = *port;
  return publication;
}

}  // namespace unik::cli
