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

namespace unik::controller {

class Committer {
 public:
  // `post` takes the events that answer, on the committer's thread; it must not block. `vfs` is that of Store::open.
  Committer(std::string path, Store store, const Retention& keep, std::function<void(Event)> post,
            std::string vfs = {});
  // Ends after the commit under way.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Returns at once. The loop has at most one of these under way.
  void begin_commit(std::shared_ptr<const Record> record);
  void reopen();

 private:
  void run();
  void commit(const Record& record);
  void reopen_store();
  void compact();

  const std::string path_;
  const std::string vfs_;
  const LostRecords lost_;  // as the store was opened: reopening it must not be stricter
  const Retention keep_;
  std::optional<Store> store_;
  Time compact_at_;  // of the clock: the next step is due
  const std::function<void(Event)> post_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const Record> next_;
  bool reopen_asked_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace unik::controller
