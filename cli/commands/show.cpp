#include "cli/commands/show.hpp"

#include "cli/output/diff.hpp"
#include "cli/output/document.hpp"
#include "cli/output/rollout.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

template <typename View, typename All, typename One>
Result<Views> fetch_of(const ObjectRef& object, All all, One one) {
  if (object.name.empty()) {
    auto page = all();
    if (!page) return page.error();
    return Views(std::move(page->items));
  }
  auto view = one(object.name);
  if (!view) return view.error();
  return Views(std::vector<View>{std::move(view).value()});
}

// `apps in tenant default`
struct NamesOf {
  const std::string& tenant;

  std::string in_tenant(ObjectKind kind) const { return std::string(names_of(kind).plural) + " in tenant " + tenant; }
  std::string operator()(const std::vector<AppView>&) const { return in_tenant(ObjectKind::kApp); }
  std::string operator()(const std::vector<InstanceView>&) const { return in_tenant(ObjectKind::kInstance); }
  std::string operator()(const std::vector<Operation>&) const { return in_tenant(ObjectKind::kOperation); }
  std::string operator()(const std::vector<NodeView>&) const { return std::string(names_of(ObjectKind::kNode).plural); }
  std::string operator()(const std::vector<TenantView>&) const {
    return std::string(names_of(ObjectKind::kTenant).plural);
  }
};

}  // namespace

Result<Views> fetch_views(const Api& api, const ObjectRef& object) {
  switch (object.kind) {
    case ObjectKind::kApp:
      return fetch_of<AppView>(
          object, [&] { return api.apps(); }, [&](auto& name) { return api.app(name); });
    case ObjectKind::kInstance:
      return fetch_of<InstanceView>(
          object, [&] { return api.instances(); }, [&](auto& name) { return api.instance(name); });
    case ObjectKind::kNode:
      return fetch_of<NodeView>(
          object, [&] { return api.nodes(); }, [&](auto& name) { return api.node(name); });
    case ObjectKind::kTenant:
      return fetch_of<TenantView>(
          object, [&] { return api.tenants(); }, [&](auto& name) { return api.tenant(name); });
    case ObjectKind::kOperation:
      return fetch_of<Operation>(
          object, [&] { return api.operations(); }, [&](auto& id) { return api.operation(id); });
  }
  return internal("unknown_kind", "an object kind outside the enumeration");
}

void show(const Session& session, const std::vector<Views>& kinds, OutputFormat format, bool single,
          const std::string& tenant) {
  if (format == OutputFormat::kTable || format == OutputFormat::kWide)
    for (const Views& views : kinds)
      if (is_empty(views)) session.say("no " + std::visit(NamesOf{tenant}, views));
  const ObjectStyle style{format, session.terminal().colour_out, wire::read_clock().wall, single};
  session.out(render_objects(kinds, style));
}

void show_reply(const Session& session, const ApplyReply& reply, OutputFormat format) {
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      session.out(render_applied(reply, session.terminal().colour_out) +
                  render_foreseen(reply, session.terminal().colour_out));
      return;
    case OutputFormat::kJson:
      session.out(pretty_json(codec::to_json(reply)));
      return;
    case OutputFormat::kYaml:
      session.out(yaml_of(codec::to_json(reply)));
      return;
    case OutputFormat::kName:
      break;
  }
  for (const AppliedObject& object : reply.objects) session.out(object_name(object) + "\n");
}

}  // namespace unik::cli
