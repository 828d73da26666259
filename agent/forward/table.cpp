#include "agent/forward/table.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace unik::agent {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 6> kKinds = {"hello", "table", "state", "handover", "listeners", "taken"};

Error bad_message(const std::string& what) {
  return invalid("bad_forward_message", "forwarder message: " + what);
}

Json to_json(const std::vector<ForwardBackend>& backends) {
  Json list = Json::array();
  for (const ForwardBackend& backend : backends) list.push_back({{"address", backend.address}, {"port", backend.port}});
  return list;
}

Json to_json(const ForwardTable& table) {
  Json routes = Json::array();
  for (const ForwardRoute& route : table.routes)
    routes.push_back({{"key", route.key}, {"host_port", route.host_port}, {"backends", to_json(route.backends)}});
  return {{"version", table.version}, {"bind_address", table.bind_address}, {"routes", std::move(routes)}};
}

Json to_json(const TableState& state) {
  Json routes = Json::array();
  for (const RouteState& route : state.routes)
    routes.push_back({{"key", route.key}, {"host_port", route.host_port}, {"problem", route.problem}});
  return {{"version", state.version}, {"routes", std::move(routes)}, {"leaving", to_json(state.leaving)}};
}

// Typed getters: a field that is missing or of another type leaves `ok` false and gives a default.
class Object {
 public:
  Object(const Json& json, bool& ok) : json_(json), ok_(ok) {
    if (!json.is_object()) ok_ = false;
  }

  const Json& child(const char* name) const {
    static const Json kNothing;
    if (json_.is_object())
      if (const auto found = json_.find(name); found != json_.end()) return *found;
    ok_ = false;
    return kNothing;
  }
  std::string text(const char* name) const {
    const Json& json = child(name);
    if (json.is_string()) return json.get<std::string>();
    ok_ = false;
    return {};
  }
  std::uint64_t number(const char* name, std::uint64_t max) const {
    const Json& json = child(name);
    if (json.is_number_unsigned() && json.get<std::uint64_t>() <= max) return json.get<std::uint64_t>();
    ok_ = false;
    return 0;
  }
  std::uint16_t port(const char* name) const { return static_cast<std::uint16_t>(number(name, 65'535)); }
  bool flag(const char* name) const {
    const Json& json = child(name);
    if (json.is_boolean()) return json.get<bool>();
    ok_ = false;
    return false;
  }
  template <typename Take>
  void each(const char* name, Take take) const {
    const Json& json = child(name);
    if (!json.is_array()) {
      ok_ = false;
      return;
    }
    for (const Json& item : json) take(item);
  }
  std::vector<std::string> texts(const char* name) const {
    std::vector<std::string> list;
    each(name, [&](const Json& item) {
      if (item.is_string())
        list.push_back(item.get<std::string>());
      else
        ok_ = false;
    });
    return list;
  }

 private:
  const Json& json_;
  bool& ok_;
};

std::vector<ForwardBackend> read_backends(const Object& object, const char* name, bool& ok) {
  std::vector<ForwardBackend> list;
  object.each(name, [&](const Json& item) {
    const Object backend(item, ok);
    list.push_back({backend.text("address"), backend.port("port")});
  });
  return list;
}

ForwardTable read_table(const Json& json, bool& ok) {
  const Object object(json, ok);
  ForwardTable table;
  table.version = object.number("version", UINT64_MAX);
  table.bind_address = object.text("bind_address");
  object.each("routes", [&](const Json& item) {
    const Object route(item, ok);
    ForwardRoute& to = table.routes.emplace_back();
    to.key = route.text("key");
    to.host_port = route.port("host_port");
    to.backends = read_backends(route, "backends", ok);
  });
  return table;
}

TableState read_state(const Json& json, bool& ok) {
  const Object object(json, ok);
  TableState state;
  state.version = object.number("version", UINT64_MAX);
  object.each("routes", [&](const Json& item) {
    const Object route(item, ok);
    state.routes.push_back({route.text("key"), route.port("host_port"), route.text("problem")});
  });
  state.leaving = read_backends(object, "leaving", ok);
  return state;
}

std::optional<ForwardKind> parse_kind(std::string_view name) {
  for (std::size_t i = 0; i < kKinds.size(); ++i)
    if (kKinds[i] == name) return static_cast<ForwardKind>(i);
  return std::nullopt;
}

}  // namespace

std::string encode_forward_message(const ForwardMessage& message) {
  Json json = {{"kind", kKinds[static_cast<std::size_t>(message.kind)]}};
  switch (message.kind) {
    case ForwardKind::kHello:
      json["build"] = message.build;
      break;
    case ForwardKind::kTable:
      json["table"] = to_json(message.table);
      break;
    case ForwardKind::kState:
      json["state"] = to_json(message.state);
      break;
    case ForwardKind::kListeners:
      json["table"] = to_json(message.table);
      json["listeners"] = message.listeners;
      json["connections"] = message.connections;
      json["last"] = message.last;
      break;
    case ForwardKind::kHandover:
    case ForwardKind::kTaken:
      break;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ForwardMessage> parse_forward_message(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return bad_message("want JSON, got something else");
  bool ok = true;
  const Object object(json, ok);
  const std::string name = object.text("kind");
  const std::optional<ForwardKind> kind = parse_kind(name);
  if (!kind) return bad_message("unknown kind `" + name + "`");

  ForwardMessage message;
  message.kind = *kind;
  switch (*kind) {
    case ForwardKind::kHello:
      message.build = object.text("build");
      break;
    case ForwardKind::kTable:
      message.table = read_table(object.child("table"), ok);
      break;
    case ForwardKind::kState:
      message.state = read_state(object.child("state"), ok);
      break;
    case ForwardKind::kListeners:
      message.table = read_table(object.child("table"), ok);
      message.listeners = object.texts("listeners");
      message.connections = object.texts("connections");
      message.last = object.flag("last");
      break;
    case ForwardKind::kHandover:
    case ForwardKind::kTaken:
      break;
  }
  if (!ok) return bad_message("a field of `" + name + "` is missing or of the wrong type");
  return message;
}

}  // namespace unik::agent
