// Sends the journal to those who watch it, as server-sent events. Every watcher reads the journal at its own pace, from
// the sequence that it names: a slow one delays nobody and misses nothing. Where what it wants is gone, it gets one
// event of the type `resync` that says so, and goes on from where history begins.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "api/time.hpp"
#include "controller/store/store.hpp"
#include "wire/http_server.hpp"

namespace unik::controller {

inline constexpr std::size_t kMaxWatchers = 1000;
// A stream says so often at least where it stands, so that one that breaks off goes on from there and a dead peer is
// noticed.
inline constexpr Duration kKeepAlive = std::chrono::seconds(15);

class EventFeed {
 public:
  EventFeed(JournalReader reader, std::uint64_t head, Duration keep_alive = kKeepAlive);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  struct Watch {
    std::optional<std::uint64_t> after;  // the first event has a greater sequence; absent: all that is there
    std::string tenant;                  // events of this tenant and those outside tenants
    bool follow = true;                  // false: ends with what is there
    bool alone = false;                  // it asked for itself: what becomes of other tenants is not told
    std::string trace_id = {};           // of the request: a `resync` is the answer to it, and goes back to no other
  };
  void watch(Watch watch, const wire::Responder& responder);

  // The journal has grown to `head`.
  void advance(std::uint64_t head);
  std::uint64_t head() const;
  // The record that the journal goes back to, as looked up now and then: it moves when the journal is compacted.
  std::uint64_t floor() const { return floor_; }

 private:
  struct Watcher;

  void run();
  // Whether the watcher is to be kept.
  bool feed(Watcher& watcher, std::uint64_t head);
  // Tells it where it stands if it is time to. Returns when that is next.
  Time keep_alive(Watcher& watcher, Time now) const;
  bool begin(Watcher& watcher, std::uint64_t head);

  JournalReader reader_;
  const Duration keep_alive_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::uint64_t head_;
  std::atomic<std::uint64_t> floor_{0};
  bool moved_ = true;  // where the journal begins is to be read
  bool ending_ = false;
  std::list<std::shared_ptr<Watcher>> arriving_;
  std::size_t watchers_ = 0;
  std::thread thread_;
};

}  // namespace unik::controller
