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
