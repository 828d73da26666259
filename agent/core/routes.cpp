#include "agent/core/routes.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "api/backoff.hpp"

namespace unik::agent {
namespace {

struct RouteKey {
  AppName app;
  std::string port_name;

  auto operator<=>(const RouteKey&) const = default;
};

std::uint16_t remembered_port(const std::vector<PortRecord>& ports, const RouteKey& key) {
  for (const PortRecord& port : ports)
    if (port.app == key.app && port.port_name == key.port_name) return port.host_port;
  return 0;
}

std::map<RouteKey, Publication> choose_publications(const Instances& instances) {
  struct Choice {
    std::uint64_t rollout = 0;
    Publication publication;
  };
  std::map<RouteKey, Choice> choices;
  for (const auto& [id, instance] : instances) {
    if (instance.want != Want::kRunning) continue;
    for (const Publication& publication : instance.goal.run.publications) {
      const auto [found, added] = choices.try_emplace({id.app_name(), publication.port_name});
      if (added || id.rollout > found->second.rollout) found->second = {id.rollout, publication};
    }
  }
  std::map<RouteKey, Publication> chosen;
  for (auto& [key, choice] : choices) chosen.emplace(key, std::move(choice.publication));
  return chosen;
}

bool is_problem(const ObservedPublication& publication) {
  return !publication.problem.empty();
}

}  // namespace

std::vector<Route> compose_routes(const Instances& instances, const std::vector<PortRecord>& ports) {
  std::map<RouteKey, Route> routes;
  for (auto& [key, publication] : choose_publications(instances)) {
    Route& route = routes[key];
    route.app = key.app;
    route.publication = publication;
    const std::uint16_t port = publication.host_port ? 0 : remembered_port(ports, key);
    if (port != 0) route.publication.host_port = port;
  }
  for (const auto& [id, instance] : instances) {
    if (!is_serving(instance)) continue;
    for (const Publication& publication : instance.goal.run.publications)
      routes[{id.app_name(), publication.port_name}].backends.push_back(
          {id, instance.record.address, publication.port});
  }
  std::vector<Route> list;
  for (auto& [key, route] : routes) list.push_back(std::move(route));
  return list;
}

std::vector<PortRecord> remember_ports(const std::vector<PortRecord>& ports, const std::vector<Route>& routes,
                                       const std::vector<ObservedPublication>& publications) {
  std::vector<PortRecord> kept;
  for (const Route& route : routes) {
    const RouteKey key{route.app, route.publication.port_name};
    const std::uint16_t before = remembered_port(ports, key);
    const bool picked_now = !route.publication.host_port.has_value();
    const bool picked_before = before != 0 && route.publication.host_port == before;
    if (!picked_now && !picked_before) continue;
    for (const ObservedPublication& seen : publications) {
      if (RouteKey{seen.app, seen.port_name} != key) continue;
      if (!is_problem(seen) && seen.host_port != 0) kept.push_back({key.app, key.port_name, seen.host_port});
    }
  }
  return kept;
}

std::optional<std::uint64_t> ForwarderTable::send(const std::vector<Route>& routes, Time now) {
  const bool again = send_again_at_ && now >= *send_again_at_;
  stale_ = false;
  if (sent_ != 0 && !again && routes == sent_routes_) return std::nullopt;
  sent_ += 1;
  sent_routes_ = routes;
  for (const Route& route : routes)
    for (const Backend& backend : route.backends) listed_[backend.id] = sent_;
  send_again_at_ = now + kAcknowledgeWait;
  return sent_;
}

ForwarderTable::Acknowledged ForwarderTable::acknowledged(const Published& published, Time now) {
  Acknowledged result;
  if (published.version > sent_ || published.version < acknowledged_) return result;
  std::ranges::set_difference(leaving_, published.leaving, std::inserter(result.quiet, result.quiet.end()));
  leaving_ = published.leaving;
  if (published.version == acknowledged_) return result;
  acknowledged_ = published.version;
  result.newest = acknowledged_ == sent_;
  for (const auto& [id, version] : listed_)
    if (version < acknowledged_) result.left.insert(id);
  for (const InstanceId& id : result.left) listed_.erase(id);
  if (!result.newest) return result;
  if (std::ranges::any_of(published.publications, is_problem)) {
    failures_ += 1;
    send_again_at_ = now + backoff_delay(kPublishBackoff, kPublishMaxBackoff, failures_, "forwarder");
  } else {
    send_again_at_.reset();
    failures_ = 0;
  }
  return result;
}

}  // namespace unik::agent
