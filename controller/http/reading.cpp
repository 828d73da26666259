#include <optional>
#include <utility>

#include "codec/json_writer.hpp"
#include "codec/views_json.hpp"
#include "controller/core/explain.hpp"
#include "controller/core/status.hpp"
#include "controller/http/api.hpp"

namespace unik::controller {
namespace {

// Readers hold a World for one page only.
constexpr std::size_t kPageItems = 500;

Error missing(std::string_view kind, const std::string& name) {
  return not_found(std::string(kind) + "_not_found", "there is no " + std::string(kind) + " `" + name + "`");
}

Error bad_continue(const std::string& text) {
  return invalid("bad_query", "want the `continue` of the page before as `continue`, got `" + text + "`");
}

// One page of `table` from the key after `start`; `view` gives nothing for rows that are to be left out, and `stop`
// ends the range.
template <typename View, typename Table, typename Key, typename Stop, typename Make, typename Name>
codec::Page<View> page_of(const World& world, const Table& table, const Key& start, Stop stop, Make make, Name name) {
  codec::Page<View> page;
  page.revision = world.revision;
  std::string last;
  for (auto it = table.lower_bound(start); it != table.end() && !stop(it->first); ++it) {
    if (page.items.size() == kPageItems) {
      page.next = last;
      return page;
    }
    page.items.push_back(make(it->first, it->second));
    last = name(it->first);
  }
  return page;
}

// The first key after the one that a `continue` names: names are ordered bytewise, so a zero byte makes the next.
Symbol after(const std::string& name) {
  return name.empty() ? Symbol() : Symbol(name + '\0');
}

codec::Page<AppView> list_apps(const World& world, const wire::HttpRequest& request) {
  const Symbol tenant(tenant_of(request));
  return page_of<AppView>(
      world, world.apps, AppName{tenant, after(query_text(request, "continue"))},
      [&](const AppName& name) { return name.tenant != tenant; },
      [&](const AppName& name, const AppRow& row) { return view_app(world, name, row); },
      [](const AppName& name) { return name.app.str(); });
}

// The tenant that a question about what is in no tenant is asked for; empty: nobody's, which is told everything.
Symbol asking_tenant(const wire::HttpRequest& request) {
  return Symbol(query_text(request, "tenant"));
}

codec::Page<NodeView> list_nodes(const World& world, const wire::HttpRequest& request) {
  const Symbol tenant = asking_tenant(request);
  return page_of<NodeView>(
      world, world.nodes, after(query_text(request, "continue")), [](Symbol) { return false; },
      [&](Symbol name, const NodeRow& row) { return view_node(world, name, row, tenant); },
      [](Symbol name) { return name.str(); });
}

codec::Page<TenantView> list_tenants(const World& world, const wire::HttpRequest& request) {
  const Symbol only = asking_tenant(request);
  const Symbol start = after(query_text(request, "continue"));
  return page_of<TenantView>(
      world, world.tenants, start.empty() ? only : start, [&](Symbol name) { return !only.empty() && name != only; },
      [&](Symbol name, const TenantRow& row) { return view_tenant(world, name, row); },
      [](Symbol name) { return name.str(); });
}

Result<codec::Page<InstanceView>> list_instances(const World& world, const wire::HttpRequest& request) {
  const Symbol tenant(tenant_of(request));
  const Symbol app(query_text(request, "app"));  // none for those of all
  InstanceId start{tenant, app, 0, 0, 0};
  if (const std::string from = query_text(request, "continue"); !from.empty()) {
    const Result<InstanceId> last = parse_short_name(tenant, from);
    if (!last || (!app.empty() && last->app != app)) return bad_continue(from);
    start = *last;
    ++start.attempt;
  }
  return page_of<InstanceView>(
      world, world.instances, start,
      [&](const InstanceId& id) { return id.tenant != tenant || (!app.empty() && id.app != app); },
      [&](const InstanceId& id, const InstanceRow& row) { return view_instance(world, id, row); },
      [](const InstanceId& id) { return short_name(id); });
}

// Newest first: walks the table once and turns the end of it around.
Result<codec::Page<Operation>> list_operations(const World& world, const wire::HttpRequest& request) {
  const Symbol tenant(tenant_of(request));
  std::optional<OperationKey> before;
  if (const std::string from = query_text(request, "continue"); !from.empty()) {
    before = parse_operation_key(from);
    if (!before) return bad_continue(from);
  }
  std::vector<const Operation*> all;
  for (const auto& [key, operation] : world.operations) {
    if (before && !(key < *before)) break;
    if (operation->target.tenant == tenant) all.push_back(&*operation);
  }
  codec::Page<Operation> page;
  page.revision = world.revision;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    if (page.items.size() == kPageItems) {
      page.next = page.items.back().operation_id;
      break;
    }
    page.items.push_back(**it);
  }
  return page;
}

// `at`: a journal sequence or a time.
Result<std::optional<Moment>> moment_of(const wire::HttpRequest& request) {
  const std::string text = query_text(request, "at");
  if (text.empty()) return std::optional<Moment>();
  if (const Result<WallTime> time = parse_wall_time(text)) return std::optional<Moment>(*time);
  const Result<std::optional<std::uint64_t>> seq = query_number(request, "at");
  if (!seq)
    return invalid("bad_query",
                   "want a journal sequence or a UTC time such as 2026-11-22T18:51:13Z as `at`, got `" + text + "`");
  return std::optional<Moment>(**seq);
}

// Whether what is asked about belongs to a tenant.
enum class Scope { kTenant, kCluster };

template <typename T>
void answer(const wire::Responder& responder, const Result<T>& value) {
  if (!value) return responder.send(value.error());
  responder.send(json_response(200, codec::to_json(*value)));
}

// A tenant that was never declared is told apart from one that has nothing.
void answer_from(const World& world, const PathValues& path, const wire::HttpRequest& request,
                 const wire::Responder& responder, Scope scope, auto read) {
  const std::string tenant = tenant_of(request);
  if (scope == Scope::kTenant && !world.tenants.contains(Symbol(tenant)))
    return responder.send(missing("tenant", tenant));
  answer(responder, read(world, path, request));
}

Result<Explanation> explain(const World& world, const PathValues& path, const wire::HttpRequest& request) {
  const std::string tenant = tenant_of(request);
  const std::string& name = path.at("name");
  std::optional<Explanation> explanation;
  if (path.at("kind") == "instance" || path.at("kind") == "instances") {
    const Result<InstanceId> id = parse_short_name(Symbol(tenant), name);
    if (id) explanation = explain_instance(world, *id);
    if (!explanation) return missing("instance", name);
    return *explanation;
  }
  const std::optional<Kind> kind = parse_kind(path.at("kind"));
  if (kind == Kind::kApp) explanation = explain_app(world, {Symbol(tenant), Symbol(name)});
  if (kind == Kind::kNode) explanation = explain_node(world, Symbol(name), asking_tenant(request));
  if (explanation) return *explanation;
  if (kind == Kind::kApp || kind == Kind::kNode) return missing(names_of(*kind).singular, name);
  return invalid("bad_kind", "want app, instance or node to explain, got `" + path.at("kind") + "`");
}

Result<AppView> get_app(const World& world, const std::string& tenant, const std::string& name) {
  const AppName key{Symbol(tenant), Symbol(name)};
  const AppRow* const row = world.apps.find(key);
  if (row == nullptr) return missing("app", name);
  return view_app(world, key, *row);
}

Result<RolloutView> get_rollout(const World& world, const std::string& tenant, const std::string& name) {
  const AppName key{Symbol(tenant), Symbol(name)};
  const AppRow* const row = world.apps.find(key);
  if (row == nullptr) return missing("app", name);
  RolloutView view = view_rollout(world, key, *row);
  if (!row->deleting) return view;
  view.phase = "deleting";
  view.reason = "deleting";
  view.message = "the app is being deleted";
  view.holds.clear();
  return view;
}

Result<InstanceView> get_instance(const World& world, const std::string& tenant, const std::string& name) {
  const Result<InstanceId> id = parse_short_name(Symbol(tenant), name);
  const InstanceRow* const row = id ? world.instances.find(*id) : nullptr;
  if (row == nullptr) return missing("instance", name);
  return view_instance(world, *id, *row);
}

Result<NodeView> get_node(const World& world, const std::string& name, Symbol tenant) {
  const NodeRow* const row = world.nodes.find(Symbol(name));
  if (row == nullptr) return missing("node", name);
  return view_node(world, Symbol(name), *row, tenant);
}

Result<TenantView> get_tenant(const World& world, const std::string& name, Symbol tenant) {
  const TenantRow* const row = world.tenants.find(Symbol(name));
  if (row == nullptr || (!tenant.empty() && tenant != Symbol(name))) return missing("tenant", name);
  return view_tenant(world, Symbol(name), *row);
}

Result<Operation> get_operation(const World& world, const std::string& tenant, const std::string& name) {
  const Operation* const operation = find_operation(world, tenant, name);
  if (operation == nullptr) return missing("operation", name);
  return *operation;
}

}  // namespace

const Operation* find_operation(const World& world, const std::string& tenant, const std::string& name) {
  const std::optional<OperationKey> key = parse_operation_key(name);
  const Shared<Operation>* const row = key ? world.operations.find(*key) : nullptr;
  return row == nullptr || (*row)->target.tenant != Symbol(tenant) ? nullptr : &**row;
}

void add_reading_routes(ApiContext& context, std::vector<Route>& routes) {
  // `read` gets the newest World, or the one of `at`, and returns a Result of something with a JSON form.
  const auto get_in = [&](Scope scope, std::string pattern, QueryRules query, auto read) {
    routes.push_back(
        {"GET",
         std::move(pattern),
         [&context, scope, read](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
           const Result<std::optional<Moment>> at = moment_of(request);
           if (!at) return responder.send(at.error());
           if (!*at) return answer_from(*context.runner.world(), path, request, responder, scope, read);
           context.history.ask(**at, [=, request = std::move(request)](const auto& world) {
             if (!world) return responder.send(world.error());
             answer_from(**world, path, request, responder, scope, read);
           });
         },
         {},
         std::move(query)});
  };
  const auto get = [&](std::string pattern, QueryRules query, auto read) {
    get_in(Scope::kTenant, std::move(pattern), std::move(query), read);
  };
  const auto get_of_cluster = [&](std::string pattern, QueryRules query, auto read) {
    get_in(Scope::kCluster, std::move(pattern), std::move(query), read);
  };
  const QueryRules of_tenant{{"at", QueryRule::kText}, {"tenant", QueryRule::kName}};
  // `rule`: whether a page is left off at a name, or at what the list itself must look at.
  const auto paged = [](QueryRules query, QueryRule rule) {
    query.emplace("continue", rule);
    return query;
  };
  using Path = const PathValues&;
  using Request = const wire::HttpRequest&;
  get("/v1/status", of_tenant, [](const World& world, Path, Request request) -> Result<StatusView> {
    return view_status(world, tenant_of(request));
  });
  get("/v1/apps", paged(of_tenant, QueryRule::kName),
      [](const World& world, Path, Request request) -> Result<codec::Page<AppView>> {
        return list_apps(world, request);
      });
  get("/v1/apps/{name}", of_tenant, [](const World& world, Path path, Request request) {
    return get_app(world, tenant_of(request), path.at("name"));
  });
  QueryRules of_app = of_tenant;
  of_app.emplace("app", QueryRule::kName);
  get("/v1/instances", paged(of_app, QueryRule::kText),
      [](const World& world, Path, Request request) { return list_instances(world, request); });
  get("/v1/instances/{name}", of_tenant, [](const World& world, Path path, Request request) {
    return get_instance(world, tenant_of(request), path.at("name"));
  });
  get_of_cluster("/v1/nodes", paged(of_tenant, QueryRule::kName),
                 [](const World& world, Path, Request request) -> Result<codec::Page<NodeView>> {
                   return list_nodes(world, request);
                 });
  get_of_cluster("/v1/nodes/{name}", of_tenant, [](const World& world, Path path, Request request) {
    return get_node(world, path.at("name"), asking_tenant(request));
  });
  get_of_cluster("/v1/tenants", paged(of_tenant, QueryRule::kName),
                 [](const World& world, Path, Request request) -> Result<codec::Page<TenantView>> {
                   return list_tenants(world, request);
                 });
  get_of_cluster("/v1/tenants/{name}", of_tenant, [](const World& world, Path path, Request request) {
    return get_tenant(world, path.at("name"), asking_tenant(request));
  });
  get("/v1/rollouts/{name}", of_tenant, [](const World& world, Path path, Request request) {
    return get_rollout(world, tenant_of(request), path.at("name"));
  });
  get("/v1/operations", paged(of_tenant, QueryRule::kText),
      [](const World& world, Path, Request request) { return list_operations(world, request); });
  get("/v1/operations/{name}", of_tenant, [](const World& world, Path path, Request request) {
    return get_operation(world, tenant_of(request), path.at("name"));
  });
  get("/v1/explain/{kind}/{name}", of_tenant,
      [](const World& world, Path path, Request request) { return explain(world, path, request); });

  routes.push_back({"GET",
                    "/healthz",
                    [](Path, wire::HttpRequest, const wire::Responder& responder) {
                      responder.send(json_response(200, R"({"status":"ok"})"));
                    },
                    {},
                    {}});
  routes.push_back({"GET",
                    "/readyz",
                    [&context](Path, wire::HttpRequest, const wire::Responder& responder) {
                      if (!context.runner.turning())
                        return responder.send(unavailable("starting", "the loop has not turned yet"));
                      const std::shared_ptr<const World> world = context.runner.world();
                      codec::JsonWriter out;
                      out.begin_object().field("status", world->history_lost ? "restored" : "ready");
                      out.field("builds", context.no_builds ? context.no_builds->reason : "ready");
                      out.field("revision", world->revision).end_object();
                      responder.send(json_response(200, out.take()));
                    },
                    {},
                    {}});
  routes.push_back(
      {"GET",
       "/v1/version",
       [&context](Path, wire::HttpRequest, const wire::Responder& responder) {
         const std::shared_ptr<const World> world = context.runner.world();
         codec::JsonWriter out;
         out.begin_object().field("version", context.version).field("cluster_id", world->cluster.cluster_id);
         out.field("revision", world->revision).end_object();
         responder.send(json_response(200, out.take()));
       },
       {},
       {}});
  routes.push_back({"GET",
                    "/v1/metrics",
                    [&context](Path, wire::HttpRequest, const wire::Responder& responder) {
                      wire::HttpResponse response;
                      response.content_type = "text/plain; version=0.0.4";
                      response.body = context.metrics.text(*context.runner.world(), context.events.floor());
                      responder.send(std::move(response));
                    },
                    {},
                    {}});
}

}  // namespace unik::controller
