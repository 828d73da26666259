// rollout status|pause|resume|promote|abort|restart APP, history APP, rollback APP.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/operations.hpp"
#include "cli/output/document.hpp"
#include "cli/output/rollout.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

struct RolloutOptions {
  std::string app;
  OutputFormat format = OutputFormat::kTable;
  bool wait = false;
  Duration timeout = std::chrono::minutes(10);
  std::optional<std::uint64_t> to;
};

std::string bare(const std::string& word) {
  return word.starts_with("app/") ? word.substr(4) : word;
}

bool is_table(OutputFormat format) {
  return format == OutputFormat::kTable || format == OutputFormat::kWide;
}

void print_rollout(const Session& session, const RolloutView& view, OutputFormat format, const std::string& table) {
  if (is_table(format)) return session.out(table);
  if (format == OutputFormat::kName) return session.out("app/" + view.app + "\n");
  const std::string json = codec::to_json(view);
  session.out(format == OutputFormat::kJson ? pretty_json(json) : yaml_of(json));
}

// Its phase may be done all the same: done with going back. One that a hand has paused says that, if nothing else.
bool is_given_up(const RolloutView& view) {
  return !view.reason.empty() && view.reason != "paused";
}

Result<int> status(const Session& session, const RolloutOptions& options) {
  Backoff backoff(options.timeout);
  const auto api = options.wait ? session.connect(backoff.deadline()) : session.connect();
  if (!api) return api.error();
  std::string seen = "it has not been seen";
  for (;;) {
    const auto view = api->rollout(bare(options.app));
    if (!view && !(options.wait && may_come_back(view.error()))) return view.error();
    if (view && options.wait && view->phase == "deleting")
      return conflict("app_deleting", "app `" + view->app +
                                          "` is being deleted, and its rollout goes no further: unikctl wait app/" +
                                          view->app + " --for deleted");
    if (view && (!options.wait || view->phase != "progressing")) {
      print_rollout(session, *view, options.format, render_rollout(*view, session.terminal().colour_out));
      return is_given_up(*view) || (options.wait && view->phase != "done") ? 1 : 0;
    }
    if (view) seen = std::to_string(view->updated) + " of " + std::to_string(view->desired) + " updated";
    if (!backoff.pause())
      return timed_out("wait_timed_out", "the rollout of " + bare(options.app) + " is not done after " +
                                             format_duration(options.timeout) + ": " + seen);
  }
}

Result<int> history(const Session& session, const RolloutOptions& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  const auto view = api->rollout(bare(options.app));
  if (!view) return view.error();
  print_rollout(session, *view, options.format,
                render(history_table(*view, wire::read_clock().wall), session.terminal().colour_out));
  return 0;
}

Result<int> steer(const Session& session, const RolloutOptions& options, const std::string& verb) {
  const auto api = session.connect();
  if (!api) return api.error();
  const auto reply = api->steer_rollout(bare(options.app), verb, options.to);
  if (!reply) return reply.error();
  show_reply(session, *reply, options.format);
  return 0;
}

}  // namespace

void add_rollout(CommandTree& tree) {
  const auto options = std::make_shared<RolloutOptions>();
  VerbFlags group = tree.add_group(
      kDesiredState, "rollout",
      "See and steer how a new template replaces the old: rollout status|pause|resume|promote|abort|restart");
  VerbFlags status_verb =
      tree.add_below(group, "status", "Show how far it is and what holds it back; code 1 when it was given up",
                     [options](const Session& session) { return status(session, *options); });
  status_verb.word("app", options->app, "APP", "The app's name", Need::kRequired);
  status_verb.flag("--wait", options->wait, "Return when it has ended; code 1 unless it is done");
  status_verb.duration("--timeout", options->timeout, "How long to wait (10m)");
  status_verb.output(options->format);
  struct Steering {
    const char* verb;
    const char* summary;
  };
  for (const Steering& one : {Steering{"pause", "Replace nothing more until resumed"},
                              {"resume", "Go on after a pause"},
                              {"promote", "Let the other instances follow the canaries"},
                              {"abort", "Give the new template up for the last one that served"},
                              {"restart", "Replace every instance by one of the same template"}}) {
    VerbFlags verb = tree.add_below(
        group, one.verb, one.summary,
        [options, name = std::string(one.verb)](const Session& session) { return steer(session, *options, name); });
    verb.word("app", options->app, "APP", "The app's name", Need::kRequired);
    verb.output(options->format);
  }
}

void add_history(CommandTree& tree) {
  const auto options = std::make_shared<RolloutOptions>();
  VerbFlags verb = tree.add(kDesiredState, "history", "List the templates that an app has had, newest first",
                            [options](const Session& session) { return history(session, *options); });
  verb.word("app", options->app, "APP", "The app's name", Need::kRequired);
  verb.output(options->format);
}

void add_rollback(CommandTree& tree) {
  const auto options = std::make_shared<RolloutOptions>();
  VerbFlags verb = tree.add(kDesiredState, "rollback", "Declare an older template of an app again",
                            [options](const Session& session) { return steer(session, *options, "rollback"); });
  verb.word("app", options->app, "APP", "The app's name", Need::kRequired);
  verb.number("--to", options->to, "ROLLOUT", "Which one of `history`; otherwise the last that served");
  verb.output(options->format);
}

}  // namespace unik::cli
