#include "controller/http/event_feed.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "codec/views_json.hpp"
#include "controller/core/events.hpp"
#include "wire/clock.hpp"
#include "wire/event_stream.hpp"

namespace unik::controller {
namespace {

constexpr std::size_t kBatch = 200;                   // records read at a time
constexpr std::uint64_t kRecordsBetweenLooks = 1000;  // at where the journal begins

// In the form of any other event, so that who knows no `resync` shows it at least. Its id is where to go on.
std::string resync_event(std::uint64_t from, std::string reason, std::string message, std::string trace_id) {
  EventView event;
  event.seq = from;
  event.at = wire::read_clock().wall;
  event.actor = "controller";
  event.object = "journal";
  event.reason = std::move(reason);
  event.message = std::move(message);
  event.trace_id = std::move(trace_id);
  return wire::format_event({std::to_string(from), "resync", codec::to_json(event)});
}

// An id without an event: a stream that breaks off before the next one goes on from here.
std::string id_alone(std::uint64_t seq) {
  return "id: " + std::to_string(seq) + "\n\n";
}

bool concerns(const EventFeed::Watch& watch, const EventView& event) {
  if (!event.tenant.empty()) return event.tenant == watch.tenant;
  return !watch.alone || !event.object.starts_with("tenant/") || event.object == "tenant/" + watch.tenant;
}

// Only the last event of a record has its id: a client that lost its connection in the middle of them asks for the
// record again, and misses none.
std::string format_record(const Record& record, const EventFeed::Watch& watch) {
  std::vector<EventView> events = events_of(record);
  std::erase_if(events, [&](const EventView& event) { return !concerns(watch, event); });
  std::string text;
  for (const EventView& event : events) {
    const std::string id = &event == &events.back() ? std::to_string(event.seq) : std::string();
    text += wire::format_event({id, "change", codec::to_json(event)});
  }
  return text;
}

}  // namespace

struct EventFeed::Watcher {
  Watcher(Watch wanted, wire::Stream to) : watch(std::move(wanted)), stream(std::move(to)) {}

  Watch watch;
  std::uint64_t after = 0;  // once it has begun
  Time written{};           // when it was last told anything
  bool begun = false;
  const wire::Stream stream;
  std::atomic<bool> closed = false;
};

EventFeed::EventFeed(JournalReader reader, std::uint64_t head, Duration keep_alive)
    : reader_(std::move(reader)), keep_alive_(keep_alive), head_(head), thread_([this] { run(); }) {}

EventFeed::~EventFeed() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void EventFeed::watch(Watch watch, const wire::Responder& responder) {
  {
    const std::lock_guard lock(mutex_);
    if (watchers_ >= kMaxWatchers)
      return responder.send(exhausted("too_many_watchers", std::to_string(kMaxWatchers) + " are watching already"));
    ++watchers_;
  }
  const wire::Stream stream = responder.start_stream(
      200, {{"Content-Type", std::string(wire::kEventStreamType)}, {"Cache-Control", "no-store"}});
  const auto watcher = std::make_shared<Watcher>(std::move(watch), stream);
  stream.on_close([weak = std::weak_ptr(watcher)] {
    if (const auto gone = weak.lock()) gone->closed = true;
  });
  {
    const std::lock_guard lock(mutex_);
    arriving_.push_back(watcher);
    moved_ = true;
  }
  wake_.notify_one();
  stream.on_drain([this] {
    {
      const std::lock_guard lock(mutex_);
      moved_ = true;
    }
    wake_.notify_one();
  });
}

void EventFeed::advance(std::uint64_t head) {
  {
    const std::lock_guard lock(mutex_);
    head_ = head;
    moved_ = true;
  }
  wake_.notify_one();
}

std::uint64_t EventFeed::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

void EventFeed::run() {
  std::list<std::shared_ptr<Watcher>> watchers;
  std::uint64_t look_at = 0;
  Duration quiet = keep_alive_;  // until somebody is to be told where it stands
  while (true) {
    std::uint64_t head = 0;
    bool idle = false;
    {
      std::unique_lock lock(mutex_);
      idle = !wake_.wait_for(lock, quiet, [this] { return moved_ || ending_; });
      if (ending_) return;
      moved_ = false;
      head = head_;
      watchers.splice(watchers.end(), arriving_);
    }
    if (idle || head >= look_at) {
      if (const Result<std::uint64_t> floor = reader_.floor()) floor_ = *floor;
      look_at = head + kRecordsBetweenLooks;
    }
    const Time now = wire::read_clock().boot;
    Time next = now + keep_alive_;
    std::size_t gone = 0;
    for (auto it = watchers.begin(); it != watchers.end();) {
      if (!(*it)->closed && feed(**it, head)) {
        next = std::min(next, keep_alive(**it, now));
        ++it;
        continue;
      }
      it = watchers.erase(it);
      ++gone;
    }
    quiet = next - now;
    const std::lock_guard lock(mutex_);
    watchers_ -= gone;
  }
}

// What others' tenants do moves a stream on without a word to it. One that takes nothing wakes this thread when it
// does.
Time EventFeed::keep_alive(Watcher& watcher, Time now) const {
  if (now - watcher.written < keep_alive_) return watcher.written + keep_alive_;
  if (watcher.stream.buffered() > wire::kStreamLowWater) return now + keep_alive_;
  watcher.stream.write(id_alone(watcher.after));
  watcher.written = now;
  return now + keep_alive_;
}

bool EventFeed::begin(Watcher& watcher, std::uint64_t head) {
  watcher.begun = true;
  if (!watcher.watch.after) {
    const Result<std::uint64_t> floor = reader_.floor();
    if (!floor) return false;
    watcher.after = *floor;
    return watcher.stream.write(id_alone(watcher.after));
  }
  watcher.after = *watcher.watch.after;
  if (watcher.after <= head) return watcher.stream.write(id_alone(watcher.after));
  // Nobody was told of it before it was durable: it is of a history that was lost.
  watcher.after = head;
  return watcher.stream.write(resync_event(
      head, "history_lost",
      "the journal ends at record " + std::to_string(head) + ": what you saw after it was lost with an older store",
      watcher.watch.trace_id));
}

bool EventFeed::feed(Watcher& watcher, std::uint64_t head) {
  if (!watcher.begun && !begin(watcher, head)) return false;
  while (watcher.after < head) {
    // The rest follows when the client has taken what is there.
    if (watcher.stream.buffered() > wire::kStreamLowWater) return true;
    const Result<std::vector<Record>> records = reader_.after(watcher.after, kBatch);
    if (!records && records.error().reason == kCompacted) {
      const Result<std::uint64_t> floor = reader_.floor();
      if (!floor) return false;
      if (!watcher.stream.write(
              resync_event(*floor, std::string(kCompacted), records.error().message, watcher.watch.trace_id)))
        return false;
      watcher.after = *floor;
      continue;
    }
    if (!records || records->empty()) return false;
    for (const Record& record : *records) {
      std::string text = format_record(record, watcher.watch);
      watcher.after = record.seq;
      if (text.empty()) continue;
      if (!watcher.stream.write(std::move(text))) return false;
      watcher.written = wire::read_clock().boot;
    }
  }
  if (watcher.watch.follow) return true;
  watcher.stream.finish();
  return false;
}

}  // namespace unik::controller
