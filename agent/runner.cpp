#include "agent/runner.hpp"

#include <algorithm>
#include <utility>

#include "wire/clock.hpp"
#include "wire/log.hpp"

namespace unik::agent {
namespace {

bool asks_to_end(const std::vector<Event>& events) {
  return std::any_of(events.begin(), events.end(),
                     [](const Event& event) { return std::holds_alternative<ShutdownAsked>(event); });
}

bool answers(const Event& event, std::uint64_t seq) {
  if (const auto* answered = std::get_if<HeartbeatAnswered>(&event)) return answered->seq == seq;
  if (const auto* failed = std::get_if<LinkFailed>(&event)) return failed->seq == seq;
  return false;
}

}  // namespace

Runner::Runner(LoopOptions options, std::function<void(Effect)> carry_out)
    : loop_(std::move(options)), carry_out_(std::move(carry_out)) {}

void Runner::run() {
  std::optional<Time> wake_at;
  std::uint64_t last_seq = 0;
  for (bool ending = false; !ending;) {
    const std::vector<Event> events = inbox_.take(wake_at);
    Effects effects = loop_.turn(wire::read_clock(), events);
    for (const Note& note : effects.notes) wire::log(wire::LogLevel::kInfo, "loop", note.text, {}, note.trace_id);
    for (Effect& effect : effects.list) {
      if (const auto* heartbeat = std::get_if<SendHeartbeat>(&effect)) last_seq = heartbeat->report.seq;
      carry_out_(std::move(effect));
    }
    wake_at = effects.wake_at;
    ending = asks_to_end(events);
  }
  say_farewell(last_seq);
  inbox_.close();
}

// The controller parks a heartbeat, so its answer may not come: then being sent has to do.
void Runner::say_farewell(std::uint64_t last_seq) {
  const Time until = wire::read_clock().boot + kFarewell;
  while (last_seq != 0 && wire::read_clock().boot < until)
    for (const Event& event : inbox_.take(until))
      if (answers(event, last_seq)) return;
}

}  // namespace unik::agent
