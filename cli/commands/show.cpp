#include "cli/commands/show.hpp"

#include "cli/output/diff.hpp"
#include "cli/output/document.hpp"
#include "cli/output/objects.hpp"
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

void show(const Session& session, const Views& views, ObjectKind kind, OutputFormat format, bool single,
          const std::string& tenant) {
  const bool table = format == OutputFormat::kTable || format == OutputFormat::kWide;
  const bool empty = std::visit([](const auto& items) { return items.empty(); }, views);
  if (empty && table) {
    const bool in_tenant = kind != ObjectKind::kNode && kind != ObjectKind::kTenant;
    session.say("no " + std::string(names_of(kind).plural) + (in_tenant ? " in tenant " + tenant : ""));
    return;
  }
  const ObjectStyle style{format, session.terminal().colour_out, wire::read_clock().wall, single};
  session.out(std::visit([&](const auto& items) { return render_objects(items, style); }, views));
}

void show_reply(const Session& session, const ApplyReply& reply, OutputFormat format) {
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      session.out(render_applied(reply, session.terminal().colour_out));
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
