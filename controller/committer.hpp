// Carries out commits on a thread of its own, one at a time, in the order given; between them, compaction's steps.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "controller/ports.hpp"
#include "controller/store/store.hpp"
#include "wire/clock.hpp"

namespace unik::controller {

struct CommitterOptions {
  Retention keep = {};
  // For tests: that of Store::open, and what tells the time.
  std::string vfs = {};
  std::function<Now()> clock = wire::read_clock;
};

class Committer {
 public:
  // `post` takes the events that answer, on the committer's thread; it must not block.
  Committer(std::string path, Store store, CommitterOptions options, std::function<void(Event)> post);
  // Ends after the commit under way.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Returns at once. The loop has at most one of these under way. `after` is the World that the record makes,
  // whose pages the store then keeps; null where nobody holds one.
  void begin_commit(std::shared_ptr<const Record> record, std::shared_ptr<const World> after);
  void reopen();

 private:
  void run();
  struct Work {
    std::shared_ptr<const Record> record;
    std::shared_ptr<const World> after;
  };

  void commit(Work work);
  void reopen_store();
  void compact();

  const std::string path_;
  const LostRecords lost_;  // as the store was opened: reopening it must not be stricter
  const CommitterOptions options_;
  const Now started_;
  std::optional<Store> store_;
  Time compact_at_;  // of the clock: the next step is due
  const std::function<void(Event)> post_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Work> next_;
  bool reopen_asked_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace unik::controller
