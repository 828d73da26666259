// The control plane's HTTP API as functions: one method a route, values in, values out. No decisions and no output
// here.
//
// Every method blocks for one request, or for one request a page. Errors are those of the server (its envelope, trace
// id included) or of the way there (`unavailable`, `timeout`); the latter name the endpoint and what to do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/views.hpp"
#include "cli/context.hpp"
#include "codec/views_json.hpp"
#include "wire/http_client.hpp"

namespace unik::cli {

// Where a stream of events has got to: after which whole record, and how many events of the next one were shown.
struct EventCursor {
  std::optional<std::uint64_t> after;
  std::uint64_t record = 0;
  std::size_t shown = 0;

  bool operator==(const EventCursor&) const = default;
};

// Which lines of the console of an app or instance.
struct LogSelection {
  std::string name;
  bool follow = false;
  std::optional<std::uint64_t> tail;
  std::optional<WallTime> since;
  bool previous = false;
  bool timestamps = false;
  bool prefix = false;

  bool operator==(const LogSelection&) const = default;
};

struct DrainWords {
  std::optional<Duration> deadline;
  bool force = false;
  std::string reason;
};

class Api {
 public:
  explicit Api(Target target) : target_(std::move(target)) {}

  const Target& target() const { return target_; }
  // Names what cannot be reached, for errors: `unix:///…/controller.sock`.
  std::string where() const { return wire::to_string(target_.endpoint); }

  // The same, that answers with `timeout` where the control plane has not by `deadline`; a last look takes half a
  // second.
  Api until(Time deadline) const;
  std::optional<Time> deadline() const { return deadline_; }
  // How long a request may take from now on.
  Duration patience() const;

  // What is got from now on is as it was then: a journal sequence or a UTC time. Empty: as it is.
  void look_at(std::string moment) { moment_ = std::move(moment); }

  Result<void> ready() const;
  // Why sources are not built there: a reason such as `builds_not_allowed`; `ready` when they are.
  Result<std::string> builds() const;
  Result<std::string> version() const;  // the answer's JSON

  Result<StatusView> status() const;
  Result<codec::Page<AppView>> apps() const;
  Result<codec::Page<InstanceView>> instances() const;
  Result<codec::Page<InstanceView>> instances_of(const std::string& app) const;
  Result<codec::Page<NodeView>> nodes() const;
  Result<codec::Page<TenantView>> tenants() const;
  Result<codec::Page<Operation>> operations() const;
  Result<AppView> app(const std::string& name) const;
  Result<InstanceView> instance(const std::string& name) const;
  Result<NodeView> node(const std::string& name) const;
  Result<TenantView> tenant(const std::string& name) const;
  Result<Operation> operation(const std::string& id) const;
  Result<Explanation> explain(std::string_view kind, const std::string& name) const;

  Result<ApplyReply> apply(const std::string& manifests) const;
  // What `apply` would do. `promised`: images and signatures that it lacks will have been sent by then.
  Result<ApplyReply> foresee(const std::string& manifests, bool promised) const;
  // `runtime` is for an App whose source is to be built; empty: as the source says.
  Result<ApplyReply> deploy(const std::string& manifest, const std::string& runtime = "") const;
  Result<ApplyReply> destroy(const std::vector<std::string>& names) const;
  Result<ApplyReply> remove(Kind kind, const std::string& name) const;
  Result<ApplyReply> set_schedulable(const std::string& node, bool schedulable) const;
  // What is left out stays as it is on a node that is being drained already.
  Result<ApplyReply> drain(const std::string& node, const DrainWords& words) const;
  Result<RolloutView> rollout(const std::string& app) const;
  // `verb`: pause, resume, promote, abort, restart, rollback.
  Result<ApplyReply> steer_rollout(const std::string& app, const std::string& verb,
                                   std::optional<std::uint64_t> to) const;
  Result<ApplyReply> whatif(const std::vector<std::string>& lose, const std::string& manifests, bool promised) const;

  Result<bool> has_artifact(const std::string& digest) const;
  Result<void> put_artifact(const std::string& digest, std::uint64_t size, wire::UploadSource source) const;

  // The texts of those that the control plane has of an image; and one more.
  Result<std::vector<std::string>> signatures(const std::string& digest) const;
  Result<void> put_signature(const std::string& digest, const std::string& text) const;

  // `sink` gets the console as it comes; false ends it.
  Result<void> logs(const LogSelection& selection, wire::DownloadSink sink) const;
  // The same as a request, for who must be able to cancel it.
  wire::ClientRequest logs_request(const LogSelection& selection) const;

  // What a build has said from byte `offset` on; the sink returns false to end. Errors: `not_found/no_build_log`.
  Result<void> build_log(const std::string& id, std::uint64_t offset, wire::DownloadSink sink) const;

  Result<ApplyReply> recover() const;
  Result<codec::Page<QuarantinedView>> quarantine() const;
  // `verb`: adopt, destroy.
  Result<ApplyReply> decide_quarantined(const std::string& node, const std::string& name,
                                        const std::string& verb) const;

  // `on_event` returns false to end. Ends by itself after what is there unless `follow`. `cursor` is moved on with each
  // event; with the cursor of a stream that broke off, the next one goes on where that ended.
  Result<void> events(EventCursor& cursor, bool follow, std::function<bool(const EventView&)> on_event) const;
  wire::ClientRequest events_request(std::optional<std::uint64_t> since, bool follow) const;

 private:
  wire::ClientRequest request(std::string method, std::string target) const;
  Result<ApplyReply> post_manifests(const std::string& target, const std::string& manifests) const;
  Result<wire::ClientResponse> send(const wire::ClientRequest& request) const;
  template <typename T>
  Result<T> read(const wire::ClientRequest& request) const;
  template <typename T>
  Result<T> get(const std::string& target) const;
  template <typename T>
  Result<codec::Page<T>> list(const std::string& target) const;
  std::string in_tenant(const std::string& path) const;
  // For what is in no tenant: who has chosen one is told of that one alone.
  std::string for_tenant(const std::string& path) const;

  Target target_;
  std::optional<Time> deadline_;
  std::string moment_;
};

}  // namespace unik::cli
