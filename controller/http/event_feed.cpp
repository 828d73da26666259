#include "controller/http/event_feed.hpp"

#include <atomic>
#include <utility>

#include "codec/views_json.hpp"
#include "controller/core/events.hpp"
#include "wire/event_stream.hpp"

namespace unik::controller {
namespace {

constexpr std::size_t kBatch = 200;  // records read at a time
constexpr std::chrono::seconds kKeepAlive(15);

}  // namespace

struct EventFeed::Watcher {
  Watcher(Watch wanted, wire::Stream to) : watch(std::move(wanted)), stream(std::move(to)) {}

  Watch watch;
  const wire::Stream stream;
  std::atomic<bool> closed = false;
};

EventFeed::EventFeed(JournalReader reader, std::uint64_t head)
    : reader_(std::move(reader)), head_(head), thread_([this] { run(); }) {}

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
  while (true) {
    std::uint64_t head = 0;
    bool idle = false;
    {
      std::unique_lock lock(mutex_);
      idle = !wake_.wait_for(lock, kKeepAlive, [this] { return moved_ || ending_; });
      if (ending_) return;
      moved_ = false;
      head = head_;
      watchers.splice(watchers.end(), arriving_);
    }
    std::size_t gone = 0;
    for (auto it = watchers.begin(); it != watchers.end();) {
      if (idle) (*it)->stream.write(wire::format_keep_alive());
      if (!(*it)->closed && feed(**it, head)) {
        ++it;
        continue;
      }
      it = watchers.erase(it);
      ++gone;
    }
    const std::lock_guard lock(mutex_);
    watchers_ -= gone;
  }
}

bool EventFeed::feed(Watcher& watcher, std::uint64_t head) {
  Watch& watch = watcher.watch;
  while (watch.after < head) {
    // The rest follows when the client has taken what is there.
    if (watcher.stream.buffered() > wire::kStreamLowWater) return true;
    const Result<std::vector<Record>> records = reader_.after(watch.after, kBatch);
    if (!records || records->empty()) return false;
    for (const Record& record : *records) {
      std::string text;
      for (const EventView& event : events_of(record)) {
        if (!event.tenant.empty() && event.tenant != watch.tenant) continue;
        text += wire::format_event({std::to_string(event.seq), "change", codec::to_json(event)});
      }
      watch.after = record.seq;
      if (!text.empty() && !watcher.stream.write(std::move(text))) return false;
    }
  }
  if (watch.follow) return true;
  watcher.stream.finish();
  return false;
}

}  // namespace unik::controller
