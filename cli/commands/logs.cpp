// logs APP|INSTANCE: the console, as text; logs operation/ID: what a build has said.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/console.hpp"
#include "cli/moments.hpp"
#include "cli/objects.hpp"
#include "cli/operations.hpp"
#include "cli/remote_build.hpp"

namespace unik::cli {
namespace {

struct LogsOptions {
  std::string name;
  bool follow = false;
  std::optional<std::uint64_t> tail;
  std::string since;
  bool previous = false;
  bool timestamps = false;
};

constexpr Duration kFollowLimit = std::chrono::hours(24 * 365);

// The id of a build, `operation/op-42-0`; empty for what has a console.
std::string build_of(const std::string& word) {
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos) return "";
  const auto kind = parse_object_kind(word.substr(0, slash));
  return kind && *kind == ObjectKind::kOperation ? word.substr(slash + 1) : "";
}

Result<int> print_build_log(const Session& session, const LogsOptions& options, const std::string& id) {
  if (options.tail || !options.since.empty() || options.previous || options.timestamps)
    return invalid("usage", "want no flag but --follow for the log of a build: its lines have no times");
  const auto api = session.connect();
  if (!api) return api.error();
  const auto show = [&](std::string_view text) {
    session.out(text);
    return session.can_write();
  };
  if (options.follow) {
    const auto done = follow_build(*api, id, kFollowLimit, show);
    return done ? Result<int>(0) : done.error();
  }
  const auto printed = api->build_log(id, 0, show);
  return printed ? Result<int>(0) : printed.error();
}

// `app/web` and `instance/web-0-r42-1` are taken for their names.
Result<std::string> bare_name(const std::string& word) {
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos) return word;
  const auto kind = parse_object_kind(word.substr(0, slash));
  if (!kind) return kind.error();
  if (*kind != ObjectKind::kApp && *kind != ObjectKind::kInstance)
    return invalid("bad_object",
                   "want an app, an instance or operation/ID, got `" + word + "`; nothing else has a log");
  return word.substr(slash + 1);
}

// The lines of several need their names, and a rollout makes two of one replica for a while. The console's own errors
// say what is wrong with the name.
bool has_several(const Api& api, const std::string& app) {
  const auto instances = api.instances_of(app);
  return instances && instances->items.size() > 1;
}

Result<int> run_logs(const Session& session, const LogsOptions& options) {
  if (const std::string build = build_of(options.name); !build.empty()) return print_build_log(session, options, build);
  const auto name = bare_name(options.name);
  if (!name) return name.error();
  LogSelection selection;
  selection.name = *name;
  selection.follow = options.follow;
  selection.tail = options.tail;
  selection.previous = options.previous;
  if (!options.since.empty()) {
    const auto since = parse_moment("since", options.since);
    if (!since) return since.error();
    selection.since = *since;
  }
  const auto api = session.connect();
  if (!api) return api.error();
  LogFormat format{false, options.timestamps, session.terminal().colour_out};
  if (const auto app = api->app(*name)) format.prefix = app->desired > 1 || has_several(*api, *name);
  if (auto streamed = stream_console(session, *api, selection, format); !streamed) return streamed.error();
  return 0;
}

}  // namespace

void add_logs(CommandTree& tree) {
  const auto options = std::make_shared<LogsOptions>();
  VerbFlags verb =
      tree.add(kShortcuts, "logs", "Print the console of an app's instances or of one, or the log of a build",
               [options](const Session& session) { return run_logs(session, *options); });
  verb.word("name", options->name, "APP|INSTANCE|operation/ID",
            "An app, an instance such as web-0-r42-1, or the build operation/op-42-0", Need::kRequired);
  verb.flag("-f,--follow", options->follow, "Go on with what comes");
  verb.number("--tail", options->tail, "N", "Only the last N lines");
  verb.text("--since", options->since, "5m|TIME", "Only lines since 5m ago, or since a UTC time");
  verb.flag("--previous", options->previous, "Of the run before the last restart");
  verb.flag("--timestamps", options->timestamps,
            "Begin each line with its time; ~ after it: the line was written before that, while no agent looked");
}

}  // namespace unik::cli
