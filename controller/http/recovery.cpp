#include <utility>

#include "codec/views_json.hpp"
#include "controller/http/api.hpp"

namespace unik::controller {
namespace {

Result<QuarantineRequest> read_quarantine(const PathValues& path, const wire::HttpRequest& request,
                                          QuarantineVerb verb) {
  const Result<InstanceId> id = parse_short_name(Symbol(tenant_of(request)), path.at("name"));
  if (!id) return id.error();
  return QuarantineRequest{Symbol(path.at("node")), *id, verb};
}

}  // namespace

void add_recovery_routes(ApiContext& context, std::vector<Route>& routes) {
  routes.push_back({"POST",
                    "/v1/recover",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      ask(context, request, responder, 200, RecoverRequest{});
                    },
                    {},
                    {}});
  routes.push_back({"GET",
                    "/v1/quarantine",
                    [&context](const PathValues&, const wire::HttpRequest& request, const wire::Responder& responder) {
                      const std::string tenant = query_text(request, "tenant");
                      const std::shared_ptr<const World> world = context.runner.world();
                      codec::Page<QuarantinedView> page;
                      page.items = view_quarantine(*world);
                      std::erase_if(page.items, [&](const QuarantinedView& one) {
                        return !tenant.empty() && one.id.tenant != Symbol(tenant);
                      });
                      page.revision = world->revision;
                      responder.send(json_response(200, codec::to_json(page)));
                    },
                    {},
                    {{"tenant", QueryRule::kName}}});
  for (const QuarantineVerb verb : {QuarantineVerb::kAdopt, QuarantineVerb::kDestroy}) {
    routes.push_back(
        {"POST",
         "/v1/quarantine/{node}/{name}/" + std::string(to_string(verb)),
         [&context, verb](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
           Result<QuarantineRequest> quarantine = read_quarantine(path, request, verb);
           if (!quarantine) return responder.send(quarantine.error());
           ask(context, request, responder, 200, std::move(*quarantine));
         },
         {},
         {{"tenant", QueryRule::kName}}});
  }
}

}  // namespace unik::controller
