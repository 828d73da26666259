// Answers questions about the past on a thread of its own, one after the other, so that neither the loop nor the
// threads of the server wait for them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "controller/store/history.hpp"

namespace unik::controller {

// Questions that wait; one more is answered `exhausted`.
inline constexpr std::size_t kMaxHistoryReads = 16;

class HistoryDesk {
 public:
  using OnWorld = std::function<void(const Result<std::shared_ptr<const World>>&)>;

  explicit HistoryDesk(History history);
  HistoryDesk(const HistoryDesk&) = delete;
  HistoryDesk& operator=(const HistoryDesk&) = delete;

  // `on_world` is called once, on the desk's thread, or at once when there are too many.
  void ask(const Moment& moment, OnWorld on_world);

  // From now on every question fails with `unavailable`/`ending`, the one under way too. Does not wait for that.
  void end() { thread_.request_stop(); }

 private:
  struct Question {
    Moment moment;
    OnWorld on_world;
  };

  void run(const std::stop_token& stop);

  History history_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Question> waiting_;
  std::jthread thread_;  // its end is asked for before the rest is gone
};

}  // namespace unik::controller
