#include <charconv>
#include <utility>

#include "controller/http/api.hpp"

namespace unik::controller {
namespace {

void read_logs(ApiContext& context, const PathValues& path, const wire::HttpRequest& request,
               const wire::Responder& responder) {
  LogsAsked asked;
  asked.tenant = tenant_of(request);
  asked.name = path.at("name");
  asked.query.follow = query_flag(request, "follow");
  asked.query.timestamps = query_flag(request, "timestamps");
  if (query_flag(request, "previous")) asked.query.select = LogSelect::kPrevious;
  const Result<std::optional<std::uint64_t>> tail = query_number(request, "tail");
  if (!tail) return responder.send(tail.error());
  asked.query.tail = *tail;
  if (const std::string since = query_text(request, "since"); !since.empty()) {
    const Result<WallTime> time = parse_wall_time(since);
    if (!time) return responder.send(time.error());
    asked.query.since = *time;
  }
  context.logs.open(std::move(asked), query_flag(request, "prefix"), responder);
}

void watch_events(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder) {
  EventFeed::Watch watch;
  watch.tenant = tenant_of(request);
  watch.alone = !query_text(request, "tenant").empty();
  watch.follow = query_text(request, "follow") != "0";
  watch.trace_id = request.trace_id;
  const Result<std::optional<std::uint64_t>> since = query_number(request, "since");
  if (!since) return responder.send(since.error());
  const std::string_view last = request.headers.get("Last-Event-ID");
  // Who comes back to the same address goes on from where it was, not from where it once began.
  if (!last.empty()) {
    std::uint64_t seq = 0;
    const auto [end, problem] = std::from_chars(last.data(), last.data() + last.size(), seq);
    if (problem != std::errc() || end != last.data() + last.size())
      return responder.send(invalid("bad_query", "want a journal sequence as Last-Event-ID"));
    watch.after = seq;
  } else if (*since) {
    watch.after = **since;
  } else if (watch.follow) {
    watch.after = context.events.head();
  }
  context.events.watch(std::move(watch), responder);
}

void read_build_log(ApiContext& context, const PathValues& path, const wire::HttpRequest& request,
                    const wire::Responder& responder) {
  const std::string& name = path.at("name");
  const Result<std::optional<std::uint64_t>> offset = query_number(request, "offset");
  if (!offset) return responder.send(offset.error());
  const auto find = [&]() -> std::optional<Operation> {
    const std::shared_ptr<const World> world = context.runner.world();
    const Operation* const operation = find_operation(*world, tenant_of(request), name);
    return operation == nullptr ? std::nullopt : std::optional(*operation);
  };
  const std::optional<Operation> operation = find();
  if (!operation) return responder.send(not_found("operation_not_found", "there is no operation `" + name + "`"));
  if (operation->kind != OperationKind::kBuild)
    return responder.send(not_found("no_build_log", "operation " + operation->operation_id + " is a " +
                                                        std::string(to_string(operation->kind)) +
                                                        ": only builds have a log, apps have a console"));
  const bool follow = query_flag(request, "follow");
  context.build_logs.send(operation->operation_id, offset->value_or(0), follow && !is_final(*operation), responder);
  // It may have ended before the reader was there to be told.
  if (const std::optional<Operation> now = find(); follow && now && is_final(*now))
    context.build_logs.ended(operation->operation_id);
}

}  // namespace

void add_stream_routes(ApiContext& context, std::vector<Route>& routes) {
  routes.push_back({"GET",
                    "/v1/logs/{name}",
                    [&context](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
                      read_logs(context, path, request, responder);
                    },
                    {},
                    {{"tenant", QueryRule::kName},
                     {"follow", QueryRule::kFlag},
                     {"tail", QueryRule::kNumber},
                     {"since", QueryRule::kText},
                     {"previous", QueryRule::kFlag},
                     {"timestamps", QueryRule::kFlag},
                     {"prefix", QueryRule::kFlag}},
                    true});
  routes.push_back({"GET",
                    "/v1/operations/{name}/log",
                    [&context](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
                      read_build_log(context, path, request, responder);
                    },
                    {},
                    {{"tenant", QueryRule::kName}, {"follow", QueryRule::kFlag}, {"offset", QueryRule::kNumber}},
                    true});
  routes.push_back({"GET",
                    "/v1/events",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      watch_events(context, request, responder);
                    },
                    {},
                    {{"tenant", QueryRule::kName}, {"follow", QueryRule::kFlag}, {"since", QueryRule::kNumber}},
                    true});
  routes.push_back({"POST",
                    "/v1/nodes/{name}/logs/{stream_id}",
                    [&context](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
                      context.logs.push(path.at("stream_id"), *request.stream, responder);
                    },
                    wire::BodyPolicy{true, ~std::uint64_t{0}},
                    {},
                    false,
                    true});
}

}  // namespace unik::controller
