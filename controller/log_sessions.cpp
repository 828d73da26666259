#include "controller/log_sessions.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace unik::controller {

namespace {

// Its node has nothing to send yet: it is asked when the instance has started, or has failed to.
bool has_no_console_yet(const InstanceStatus& status) {
  return status.phase == Phase::kPending && status.restarts == 0 && status.started_at == WallTime{};
}

// Before an app is there, its build is what there is to read.
Error no_console(const World& world, const AppName& app) {
  std::string text = "there is no app or instance `" + app.app.str() + "`";
  const Operation* build = nullptr;
  for (const auto& [key, operation] : world.operations)
    if (operation->kind == OperationKind::kBuild && operation->target == app) build = &*operation;
  if (build != nullptr && build->state != OperationState::kSucceeded)
    text += std::string(is_final(*build) ? ": its build failed" : " yet: its build is not done") +
            "; `unikctl logs operation/" + build->operation_id + "` shows what that says";
  return not_found("app_not_found", text);
}

}  // namespace

void LogSessions::open(const World& world, const LogsAsked& event, Time now, std::set<Symbol>& wake, Effects& effects) {
  if (sessions_.size() >= kMaxLogSessions) {
    effects.list.push_back(EndLogs{
        event.session, exhausted("too_many_log_readers", std::to_string(kMaxLogSessions) + " are reading already")});
    return;
  }
  Session session;
  session.query = event.query;
  session.app = {Symbol(event.tenant), Symbol(event.name)};
  if (!world.apps.contains(session.app)) {
    const Result<InstanceId> instance = parse_short_name(Symbol(event.tenant), event.name);
    if (!instance || !world.instances.contains(*instance)) {
      effects.list.push_back(EndLogs{event.session, no_console(world, session.app)});
      return;
    }
    session.app = instance->app_name();
    session.only = *instance;
  }
  Session& kept = sessions_[event.session] = std::move(session);
  ask_for_new(world, event.session, kept, false, now, wake, effects);
  if (event.query.select == LogSelect::kPrevious && kept.asked.empty()) {
    sessions_.erase(event.session);
    effects.list.push_back(EndLogs{
        event.session, not_found("no_such_run", "`" + event.name + "` was not restarted: it has no previous run")});
    return;
  }
  // A run that is over has an end, however long somebody would follow.
  if (!event.query.follow || event.query.select == LogSelect::kPrevious)
    effects.list.push_back(EndLogs{event.session, std::nullopt});
}

void LogSessions::ask_for_new(const World& world, std::uint64_t id, Session& session, bool follow_up, Time now,
                              std::set<Symbol>& wake, Effects& effects) {
  std::vector<InstanceId> found;
  for_each_instance(world, session.app, [&](const InstanceId& instance, const InstanceRow& row) {
    if (row.node.empty() || session.asked.contains(instance)) return;
    if (session.only && *session.only != instance) return;
    if (session.query.follow && has_no_console_yet(*row.status)) return;
    const bool counts = !world.history_lost && session.query.select == LogSelect::kPrevious;
    if (counts && row.status->restarts == 0) return;
    found.push_back(instance);
  });
  LogQuery query = session.query;
  if (follow_up) {
    // An instance that came later is read from its beginning.
    query.tail.reset();
    query.since.reset();
    query.select = LogSelect::kCurrent;
  }
  for (const InstanceId& instance : found) ask(world, id, session, instance, query, now, wake, effects);
}

void LogSessions::ask(const World& world, std::uint64_t id, Session& session, const InstanceId& instance,
                      LogQuery query, Time now, std::set<Symbol>& wake, Effects& effects) {
  const InstanceRow& row = *world.instances.find(instance);
  session.asked.insert(instance);
  Stream stream;
  stream.session = id;
  stream.node = row.node;
  stream.request.stream_id = std::to_string(id) + "-" + std::to_string(session.streams++);
  stream.request.id = instance;
  stream.request.query = std::move(query);
  stream.followed = session.query.follow && session.query.select == LogSelect::kCurrent;
  stream.give_up = now + kLogPatience;
  effects.list.push_back(ExpectLog{id, stream.request.stream_id, short_name(instance)});
  wake.insert(stream.node);
  streams_.emplace(stream.request.stream_id, std::move(stream));
}

void LogSessions::close(std::uint64_t session) {
  sessions_.erase(session);
  std::erase_if(streams_, [&](const auto& entry) { return entry.second.session == session; });
}

void LogSessions::push_began(const std::string& stream_id) {
  const auto stream = streams_.find(stream_id);
  if (stream != streams_.end()) stream->second.began = true;
}

void LogSessions::look_again(const World& world, const std::set<AppName>& apps, Time now, std::set<Symbol>& wake,
                             Effects& effects) {
  for (auto& [id, session] : sessions_) {
    const bool follows = session.query.follow && session.query.select == LogSelect::kCurrent;
    if (!follows || session.ended || !apps.contains(session.app)) continue;
    for (auto& [stream_id, stream] : streams_) {
      if (stream.session != id || !stream.followed || world.instances.contains(stream.request.id)) continue;
      stream.followed = false;
      stream.give_up = now + kLogPatience;
    }
    ask_for_new(world, id, session, true, now, wake, effects);
    if (!is_gone(world, session)) continue;
    session.ended = true;
    effects.list.push_back(EndLogs{id, std::nullopt});
  }
}

bool LogSessions::is_gone(const World& world, const Session& session) {
  return session.only ? !world.instances.contains(*session.only) : !world.apps.contains(session.app);
}

void LogSessions::pass_time(Time now, Effects& effects) {
  for (auto it = streams_.begin(); it != streams_.end();) {
    Stream& stream = it->second;
    if (stream.began || !stream.give_up || *stream.give_up > now) {
      ++it;
      continue;
    }
    const std::string what =
        "node `" + stream.node.str() + "` did not send the console of " + short_name(stream.request.id);
    effects.list.push_back(GiveUpLog{stream.session, it->first,
                                     unavailable("node_silent", what + (stream.followed ? "; waiting for it" : "")),
                                     !stream.followed});
    stream.give_up.reset();
    it = stream.followed ? std::next(it) : streams_.erase(it);
  }
}

std::vector<LogRequest> LogSessions::requests_for(Symbol node) const {
  std::vector<LogRequest> requests;
  for (const auto& [id, stream] : streams_)
    if (!stream.began && stream.node == node) requests.push_back(stream.request);
  return requests;
}

std::optional<Time> LogSessions::next_deadline() const {
  std::optional<Time> next;
  for (const auto& [id, stream] : streams_)
    if (!stream.began && stream.give_up && (!next || *stream.give_up < *next)) next = stream.give_up;
  return next;
}

}  // namespace unik::controller
