#include "cli/api.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"
#include "codec/signatures_json.hpp"
#include "wire/clock.hpp"
#include "wire/event_stream.hpp"

namespace unik::cli {
namespace {

// A durable commit and a tenant's whole status fit well into it; streams and uploads have no total.
constexpr Duration kRequestTimeout = std::chrono::seconds(30);
constexpr Duration kLastLook = std::chrono::milliseconds(500);  // at a deadline, so that what has come true is seen
constexpr Duration kConnectTimeout = std::chrono::seconds(10);
// Event streams carry keep-alives; a quiet console does not, so its stream has no such bound.
constexpr Duration kUploadStall = std::chrono::seconds(60);
constexpr std::size_t kMaxAnswer = std::size_t{256} << 20;
constexpr int kMaxPages = 10'000;

// Adds what only the CLI knows: where it tried, and what the user can do.
Error explained(Error error, const Target& target) {
  if (error.trace_id.empty() && error.code == ErrorCode::kUnavailable) {
    error.message += " (control plane " + wire::to_string(target.endpoint) + ", from " + target.origin + ")";
    if (target.local) error.message += "; `unikctl up` starts it, `unikctl doctor` says what is wrong";
  }
  return error;
}

void add_parameter(std::string& target, std::string_view name, std::string_view value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += std::string(name) + "=" + wire::percent_encode(value);
}

// `otherwise` for what is no number, such as the id of a stream that has given none yet.
std::optional<std::uint64_t> number_of(const std::string& text, std::optional<std::uint64_t> otherwise) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? number : otherwise;
}

}  // namespace

Api Api::until(Time deadline) const {
  Api api = *this;
  api.deadline_ = deadline_ ? std::min(*deadline_, deadline) : deadline;
  return api;
}

Duration Api::patience() const {
  if (!deadline_) return kRequestTimeout;
  return std::clamp(*deadline_ - wire::read_clock().boot, kLastLook, kRequestTimeout);
}

wire::ClientRequest Api::request(std::string method, std::string target) const {
  wire::ClientRequest request;
  request.method = std::move(method);
  request.endpoint = target_.endpoint;
  request.target = std::move(target);
  request.total_timeout = patience();
  request.connect_timeout = std::min(kConnectTimeout, request.total_timeout);
  request.max_response_bytes = kMaxAnswer;
  if (!target_.token.empty()) request.headers.add("Authorization", "Bearer " + target_.token);
  return request;
}

Result<wire::ClientResponse> Api::send(const wire::ClientRequest& request) const {
  auto response = wire::fetch(request);
  if (!response) return explained(response.error(), target_);
  if (!response->ok()) {
    Error error = wire::error_of(*response);
    if (error.trace_id.empty()) error.trace_id = response->headers.get("X-Trace-Id");
    return error;
  }
  return response;
}

template <typename T>
Result<T> Api::read(const wire::ClientRequest& request) const {
  const auto response = send(request);
  if (!response) return response.error();
  return codec::from_json<T>(response->body);
}

template <typename T>
Result<T> Api::get(const std::string& target) const {
  std::string of_moment = target;
  if (!moment_.empty()) add_parameter(of_moment, "at", moment_);
  return read<T>(request("GET", of_moment));
}

template <typename T>
Result<codec::Page<T>> Api::list(const std::string& target) const {
  codec::Page<T> whole;
  for (int page_count = 0; page_count < kMaxPages; ++page_count) {
    std::string page_target = target;
    if (!whole.next.empty()) add_parameter(page_target, "continue", whole.next);
    auto page = get<codec::Page<T>>(page_target);
    if (!page) return page.error();
    for (T& item : page->items) whole.items.push_back(std::move(item));
    whole.revision = page->revision;
    whole.next = page->next;
    if (whole.next.empty()) return whole;
  }
  return internal("endless_list",
                  "the control plane's list did not end after " + std::to_string(kMaxPages) + " pages; report this");
}

std::string Api::in_tenant(const std::string& path) const {
  std::string target = path;
  add_parameter(target, "tenant", target_.tenant);
  return target;
}

std::string Api::for_tenant(const std::string& path) const {
  return target_.tenant_chosen ? in_tenant(path) : path;
}

Result<void> Api::ready() const {
  const auto response = send(request("GET", "/readyz"));
  if (!response) return response.error();
  return {};
}

Result<std::string> Api::builds() const {
  const auto response = send(request("GET", "/readyz"));
  if (!response) return response.error();
  const auto answer = codec::JsonDocument::parse(response->body);
  if (!answer) return answer.error();
  return std::string(answer->root()["builds"].text_or("builds_not_known"));
}

Result<std::string> Api::version() const {
  auto response = send(request("GET", "/v1/version"));
  if (!response) return response.error();
  return std::move(response->body);
}

Result<StatusView> Api::status() const {
  return get<StatusView>(in_tenant("/v1/status"));
}
Result<codec::Page<AppView>> Api::apps() const {
  return list<AppView>(in_tenant("/v1/apps"));
}
Result<codec::Page<InstanceView>> Api::instances() const {
  return list<InstanceView>(in_tenant("/v1/instances"));
}
Result<codec::Page<InstanceView>> Api::instances_of(const std::string& app) const {
  std::string target = in_tenant("/v1/instances");
  add_parameter(target, "app", app);
  return list<InstanceView>(target);
}
Result<codec::Page<NodeView>> Api::nodes() const {
  return list<NodeView>(for_tenant("/v1/nodes"));
}
Result<codec::Page<TenantView>> Api::tenants() const {
  return list<TenantView>(for_tenant("/v1/tenants"));
}
Result<codec::Page<Operation>> Api::operations() const {
  return list<Operation>(in_tenant("/v1/operations"));
}

Result<AppView> Api::app(const std::string& name) const {
  return get<AppView>(in_tenant("/v1/apps/" + wire::percent_encode(name)));
}
Result<InstanceView> Api::instance(const std::string& name) const {
  return get<InstanceView>(in_tenant("/v1/instances/" + wire::percent_encode(name)));
}
Result<NodeView> Api::node(const std::string& name) const {
  return get<NodeView>(for_tenant("/v1/nodes/" + wire::percent_encode(name)));
}
Result<TenantView> Api::tenant(const std::string& name) const {
  return get<TenantView>(for_tenant("/v1/tenants/" + wire::percent_encode(name)));
}
Result<Operation> Api::operation(const std::string& id) const {
  return get<Operation>(in_tenant("/v1/operations/" + wire::percent_encode(id)));
}
Result<Explanation> Api::explain(std::string_view kind, const std::string& name) const {
  const std::string path = "/v1/explain/" + wire::percent_encode(kind) + "/" + wire::percent_encode(name);
  return get<Explanation>(kind == names_of(Kind::kNode).singular ? for_tenant(path) : in_tenant(path));
}

Result<ApplyReply> Api::apply(const std::string& manifests) const {
  return post_manifests(for_tenant("/v1/apply"), manifests);
}

Result<ApplyReply> Api::foresee(const std::string& manifests, bool promised) const {
  std::string target = for_tenant("/v1/apply");
  add_parameter(target, "dry_run", "1");
  if (promised) add_parameter(target, "promised_images", "1");
  return post_manifests(target, manifests);
}

Result<ApplyReply> Api::post_manifests(const std::string& target, const std::string& manifests) const {
  wire::ClientRequest post = request("POST", target);
  post.headers.add("Content-Type", "application/yaml");
  post.body = manifests;
  return read<ApplyReply>(post);
}

Result<ApplyReply> Api::deploy(const std::string& manifest, const std::string& runtime) const {
  std::string target = in_tenant("/v1/deployments");
  if (!runtime.empty()) add_parameter(target, "runtime", runtime);
  return post_manifests(target, manifest);
}

Result<ApplyReply> Api::destroy(const std::vector<std::string>& names) const {
  wire::ClientRequest post = request("POST", "/v1/destroy");
  post.headers.add("Content-Type", "application/json");
  codec::JsonWriter body;
  body.begin_object().field("tenant", target_.tenant).key("names").begin_array();
  for (const std::string& name : names) body.text(name);
  post.body = body.end_array().end_object().take();
  return read<ApplyReply>(post);
}

Result<ApplyReply> Api::remove(Kind kind, const std::string& name) const {
  const KindNames& names = unik::names_of(kind);
  const std::string path = "/v1/" + std::string(names.plural) + "/" + wire::percent_encode(name);
  return read<ApplyReply>(request("DELETE", names.in_tenant ? in_tenant(path) : for_tenant(path)));
}

Result<ApplyReply> Api::set_schedulable(const std::string& node, bool schedulable) const {
  return read<ApplyReply>(
      request("POST", "/v1/nodes/" + wire::percent_encode(node) + (schedulable ? "/uncordon" : "/cordon")));
}

Result<ApplyReply> Api::drain(const std::string& node, const DrainWords& words) const {
  std::string target = "/v1/nodes/" + wire::percent_encode(node) + "/drain";
  if (words.deadline) add_parameter(target, "deadline", format_duration(*words.deadline));
  if (words.force) add_parameter(target, "force", "1");
  if (!words.reason.empty()) add_parameter(target, "reason", words.reason);
  return read<ApplyReply>(request("POST", target));
}

Result<RolloutView> Api::rollout(const std::string& app) const {
  return get<RolloutView>(in_tenant("/v1/rollouts/" + wire::percent_encode(app)));
}

Result<ApplyReply> Api::steer_rollout(const std::string& app, const std::string& verb,
                                      std::optional<std::uint64_t> to) const {
  std::string target = in_tenant("/v1/rollouts/" + wire::percent_encode(app) + "/" + verb);
  if (to) add_parameter(target, "to", std::to_string(*to));
  return read<ApplyReply>(request("POST", target));
}

Result<ApplyReply> Api::whatif(const std::vector<std::string>& lose, const std::string& manifests,
                               bool promised) const {
  std::string target = for_tenant("/v1/whatif");
  std::string names;
  for (const std::string& name : lose) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) add_parameter(target, "lose", names);
  if (promised) add_parameter(target, "promised_images", "1");
  return post_manifests(target, manifests);
}

Result<ApplyReply> Api::recover() const {
  return read<ApplyReply>(request("POST", "/v1/recover"));
}

Result<codec::Page<QuarantinedView>> Api::quarantine() const {
  return get<codec::Page<QuarantinedView>>(for_tenant("/v1/quarantine"));
}

Result<ApplyReply> Api::decide_quarantined(const std::string& node, const std::string& name,
                                           const std::string& verb) const {
  return read<ApplyReply>(request("POST", in_tenant("/v1/quarantine/" + wire::percent_encode(node) + "/" +
                                                    wire::percent_encode(name) + "/" + verb)));
}

Result<bool> Api::has_artifact(const std::string& digest) const {
  const auto response = wire::fetch(request("HEAD", "/v1/artifacts/" + digest));
  if (!response) return explained(response.error(), target_);
  if (response->status == 404) return false;
  if (!response->ok()) return wire::error_of(*response);
  return true;
}

Result<void> Api::put_artifact(const std::string& digest, std::uint64_t size, wire::UploadSource source) const {
  std::string target = "/v1/artifacts";
  add_parameter(target, "digest", digest);
  wire::ClientRequest post = request("POST", target);
  post.headers.add("Content-Type", "application/octet-stream");
  post.upload = std::move(source);
  post.upload_size = size;
  post.total_timeout = Duration::zero();
  post.stall_timeout = kUploadStall;
  const auto response = send(post);
  if (!response) return response.error();
  return {};
}

Result<std::vector<std::string>> Api::signatures(const std::string& digest) const {
  const auto response = send(request("GET", "/v1/artifacts/" + digest + "/signatures"));
  if (!response) return response.error();
  return codec::read_signatures(response->body);
}

Result<void> Api::put_signature(const std::string& digest, const std::string& text) const {
  wire::ClientRequest post = request("POST", "/v1/artifacts/" + digest + "/signatures");
  post.headers.add("Content-Type", "text/plain");
  post.body = text;
  const auto response = send(post);
  if (!response) return response.error();
  return {};
}

wire::ClientRequest Api::logs_request(const LogSelection& selection) const {
  std::string target = in_tenant("/v1/logs/" + wire::percent_encode(selection.name));
  if (selection.follow) add_parameter(target, "follow", "1");
  if (selection.tail) add_parameter(target, "tail", std::to_string(*selection.tail));
  if (selection.since) add_parameter(target, "since", format_wall_time(*selection.since));
  if (selection.previous) add_parameter(target, "previous", "1");
  if (selection.timestamps) add_parameter(target, "timestamps", "1");
  if (selection.prefix) add_parameter(target, "prefix", "1");
  wire::ClientRequest get = request("GET", target);
  get.total_timeout = Duration::zero();
  return get;
}

Result<void> Api::logs(const LogSelection& selection, wire::DownloadSink sink) const {
  wire::ClientRequest get = logs_request(selection);
  get.sink = std::move(sink);
  const auto response = send(get);
  if (!response) return response.error();
  return {};
}

Result<void> Api::build_log(const std::string& id, std::uint64_t offset, wire::DownloadSink sink) const {
  std::string target = in_tenant("/v1/operations/" + wire::percent_encode(id) + "/log");
  add_parameter(target, "offset", std::to_string(offset));
  wire::ClientRequest get = request("GET", target);
  get.sink = std::move(sink);
  const auto response = send(get);
  if (!response) return response.error();
  return {};
}

wire::ClientRequest Api::events_request(std::optional<std::uint64_t> since, bool follow) const {
  std::string target = for_tenant("/v1/events");
  add_parameter(target, "follow", follow ? "1" : "0");
  if (since) add_parameter(target, "since", std::to_string(*since));
  wire::ClientRequest get = request("GET", target);
  get.headers.add("Accept", std::string(wire::kEventStreamType));
  get.total_timeout = Duration::zero();
  return get;
}

Result<void> Api::events(EventCursor& cursor, bool follow, std::function<bool(const EventView&)> on_event) const {
  wire::EventParser parser;
  std::optional<Error> problem;
  bool wanted = true;
  std::size_t seen = 0;  // events of the record `cursor.record`, those of the stream before again
  const auto take = [&](const EventView& event) {
    if (event.seq != cursor.record) {
      cursor.record = event.seq;
      cursor.shown = seen = 0;
    }
    if (++seen <= cursor.shown) return true;
    cursor.shown = seen;
    return on_event(event);
  };
  wire::ClientRequest get = events_request(cursor.after, follow);
  get.sink = [&](std::string_view chunk) {
    const auto events = parser.feed(chunk);
    if (!events) {
      problem = events.error();
      return false;
    }
    for (const wire::StreamEvent& event : *events) {
      const auto view = codec::from_json<EventView>(event.data);
      if (!view) {
        problem = view.error();
        return false;
      }
      wanted = take(*view);
      if (!wanted) return false;
    }
    cursor.after = number_of(parser.last_id(), cursor.after);
    return true;
  };
  const auto response = send(get);
  if (problem) return *problem;
  if (!response && wanted) return response.error();
  return {};
}

}  // namespace unik::cli
