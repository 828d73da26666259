// events: what changed and why, from the journal.
#include <memory>
#include <thread>
#include <utility>

#include "cli/commands/commands.hpp"
#include "cli/output/document.hpp"
#include "cli/output/views.hpp"
#include "cli/reconnect.hpp"
#include "codec/json_reader.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

struct EventsOptions {
  bool follow = false;
  std::optional<std::uint64_t> since;
  OutputFormat format = OutputFormat::kTable;
};

std::string line_of(const EventView& event, OutputFormat format, bool colour) {
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return render_event(event, colour);
    case OutputFormat::kJson:
      return codec::to_json(event) + "\n";  // one a line: a stream has no end to close a list
    case OutputFormat::kYaml:
      return "---\n" + yaml_of(codec::to_json(event));
    case OutputFormat::kName:
      break;
  }
  return event.object + "\n";
}

// To resume after a record that the journal does not have is how a lost history shows; to type one is a mistake.
Result<void> check_since(const Api& api, std::uint64_t since) {
  const auto version = api.version();
  if (!version) return version.error();
  const auto answer = codec::JsonDocument::parse(*version);
  if (!answer) return answer.error();
  const std::uint64_t head = answer->root()["revision"].unsigned_integer().value_or(since);
  if (since <= head) return {};
  return invalid("no_such_record", "--since: want a journal sequence of at most " + std::to_string(head) +
                                       ", the newest record, got " + std::to_string(since));
}

Result<int> run_events(const Session& session, const EventsOptions& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  if (options.since)
    if (auto checked = check_since(*api, *options.since); !checked) return checked.error();
  EventCursor cursor;
  cursor.after = options.since;
  bool told = false;
  Reconnect reconnect(wire::read_clock().boot);
  for (;;) {
    reconnect.begins(wire::read_clock().boot);
    const auto ended = api->events(cursor, options.follow, [&](const EventView& event) {
      told = false;
      reconnect.heard();
      session.out(line_of(event, options.format, session.terminal().colour_out));
      return session.can_write();
    });
    if (!session.can_write()) return 0;
    if (!options.follow) return ended ? Result<int>(0) : ended.error();
    const bool may_heal = ended || ended.error().code == ErrorCode::kUnavailable;
    const auto error = ended ? std::nullopt : std::optional(ended.error());
    if (!may_heal || !reconnect.may_try_again(error, wire::read_clock().boot))
      return ended ? unavailable("stream_ended", "the event stream ends again and again; look at `unikctl doctor`")
                   : ended.error();
    if (!std::exchange(told, true)) session.warn("the event stream broke off, opening it again");
    std::this_thread::sleep_for(kReconnectPause);
  }
}

}  // namespace

void add_events(CommandTree& tree) {
  const auto options = std::make_shared<EventsOptions>();
  VerbFlags verb = tree.add(kDesiredState, "events", "Show what changed and why",
                            [options](const Session& session) { return run_events(session, *options); });
  verb.flag("-f,--follow", options->follow, "Go on with what comes");
  verb.number("--since", options->since, "SEQ", "Only what came after this journal sequence");
  verb.output(options->format);
}

}  // namespace unik::cli
