// JSON of what the API shows (api/views.hpp): the controller writes it, the CLI and other clients read it.
//
// Envelopes are snake_case. An app, node or tenant is its document, camelCase as in a manifest, with a `status` beside
// the `spec`: `{"apiVersion", "kind", "metadata", "spec", "status"}`; its metadata also holds `uid`, `generation` and
// `created_at`. Durations are whole microseconds (`…_us`), memory is bytes, CPU is thousandths (`cpu_milli`), times are
// RFC 3339 in UTC. A field without a value is left out, save for counters and lists. Writing is total; the texts are one
// line, sorted by key, and the same for equal values. Reading ignores unknown fields, so that a client one version away
// works; a missing field gets its default, a field of the wrong type is `invalid`/`bad_json`, and the error says which.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/views.hpp"

namespace unik {

// One page of a list: `{"items": […], "revision": N, "continue": "…"}`. An empty `next` is left out: it was the last.
template <typename T>
struct Page {
  std::vector<T> items;
  std::uint64_t revision = 0;
  std::string next;  // the `continue` of the next request

  bool operator==(const Page&) const = default;
};

std::string to_json(const AppView& view);
std::string to_json(const InstanceView& view);
std::string to_json(const NodeView& view);
std::string to_json(const TenantView& view);
std::string to_json(const StatusView& view);
std::string to_json(const ApplyReply& reply);
std::string to_json(const EventView& event);
std::string to_json(const Explanation& explanation);
std::string to_json(const Page<AppView>& page);
std::string to_json(const Page<InstanceView>& page);
std::string to_json(const Page<NodeView>& page);
std::string to_json(const Page<TenantView>& page);
std::string to_json(const Page<Operation>& page);

Result<AppView> parse_app_view(std::string_view json);
Result<InstanceView> parse_instance_view(std::string_view json);
Result<NodeView> parse_node_view(std::string_view json);
Result<TenantView> parse_tenant_view(std::string_view json);
Result<StatusView> parse_status_view(std::string_view json);
Result<ApplyReply> parse_apply_reply(std::string_view json);
Result<EventView> parse_event_view(std::string_view json);
Result<Explanation> parse_explanation(std::string_view json);
Result<Page<AppView>> parse_app_page(std::string_view json);
Result<Page<InstanceView>> parse_instance_page(std::string_view json);
Result<Page<NodeView>> parse_node_page(std::string_view json);
Result<Page<TenantView>> parse_tenant_page(std::string_view json);
Result<Page<Operation>> parse_operation_page(std::string_view json);

}  // namespace unik
