#include "cli/session.hpp"

#include <ostream>

#include "cli/local.hpp"
#include "cli/output/colour.hpp"

namespace unik::cli {

Result<Api> Session::find_api() const {
  const auto config = read_config(environment_);
  if (!config) return config.error();
  auto target = resolve_target(flags_, environment_, *config);
  if (!target) return target.error();
  if (!target->token.empty() && target->endpoint.scheme == wire::Scheme::kHttp && !is_loopback(target->endpoint))
    warn("the token goes over plain http to " + target->endpoint.host + ", readable on the way; use https");
  return Api(std::move(target).value());
}

Result<Api> Session::connect(std::optional<Time> deadline) const {
  auto api = find_api();
  if (api && deadline) *api = api->until(*deadline);
  if (!api || !api->target().local || (is_up(*api) && !agent_died(environment_))) return api;
  const auto up = ensure_up(environment_, *api, [this](const std::string& text) { say(text); });
  // A control plane that answers is of use without its agent, too: to read what runs, and to change what shall.
  if (!up && !is_up(*api)) return up.error();
  if (!up) warn(up.error().message);
  return api;
}

void Session::out(std::string_view text) const {
  *terminal_.out << text << std::flush;
}

bool Session::can_write() const {
  return terminal_.out->good();
}

void Session::say(std::string_view text) const {
  *terminal_.err << text << '\n' << std::flush;
}

void Session::warn(std::string_view text) const {
  *terminal_.err << paint("warning", Colour::kYellow, terminal_.colour_err) << ": " << text << '\n' << std::flush;
}

}  // namespace unik::cli
