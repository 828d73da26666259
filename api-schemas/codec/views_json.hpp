// JSON of what the API shows (api/views.hpp): the controller writes it, the CLI and other clients read it. The rules
// are those of codec/json.hpp: keys in a fixed order, unknown fields ignored, faults as `invalid`/`bad_message`.
//
// Envelopes are snake_case. An app, node or tenant is its document, camelCase as in a manifest, with a `status` beside
// the `spec`: `{"apiVersion", "kind", "metadata", "spec", "status": {…}}`. What has no value is left out: times at the
// epoch, empty texts that are optional by their meaning, absent optionals. Counters and lists always stand there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/views.hpp"
#include "codec/json.hpp"

namespace unik::codec {

// One page of a list: `{"items": […], "revision": N, "continue": "…"}`.
template <typename T>
struct Page {
  std::vector<T> items;
  std::uint64_t revision = 0;
  std::string next;  // the `continue` of the next request; empty and left out where this was the last

  bool operator==(const Page&) const = default;
};

std::string to_json(const AppView& view);
std::string to_json(const InstanceView& view);
std::string to_json(const NodeView& view);
std::string to_json(const TenantView& view);
std::string to_json(const QuarantinedView& view);
std::string to_json(const StatusView& view);
std::string to_json(const ApplyReply& reply);
std::string to_json(const RolloutView& view);
std::string to_json(const EventView& event);
std::string to_json(const Explanation& explanation);
std::string to_json(const Page<AppView>& page);
std::string to_json(const Page<InstanceView>& page);
std::string to_json(const Page<NodeView>& page);
std::string to_json(const Page<TenantView>& page);
std::string to_json(const Page<Operation>& page);
std::string to_json(const Page<QuarantinedView>& page);

template <>
Result<AppView> from_json<AppView>(std::string_view text);
template <>
Result<InstanceView> from_json<InstanceView>(std::string_view text);
template <>
Result<NodeView> from_json<NodeView>(std::string_view text);
template <>
Result<TenantView> from_json<TenantView>(std::string_view text);
template <>
Result<StatusView> from_json<StatusView>(std::string_view text);
template <>
Result<ApplyReply> from_json<ApplyReply>(std::string_view text);
template <>
Result<ApplyReply> from_json<ApplyReply>(JsonView value);
template <>
Result<RolloutView> from_json<RolloutView>(std::string_view text);
template <>
Result<EventView> from_json<EventView>(std::string_view text);
template <>
Result<Explanation> from_json<Explanation>(std::string_view text);
template <>
Result<Page<AppView>> from_json<Page<AppView>>(std::string_view text);
template <>
Result<Page<InstanceView>> from_json<Page<InstanceView>>(std::string_view text);
template <>
Result<Page<NodeView>> from_json<Page<NodeView>>(std::string_view text);
template <>
Result<Page<TenantView>> from_json<Page<TenantView>>(std::string_view text);
template <>
Result<Page<Operation>> from_json<Page<Operation>>(std::string_view text);
template <>
Result<Page<QuarantinedView>> from_json<Page<QuarantinedView>>(std::string_view text);

}  // namespace unik::codec
