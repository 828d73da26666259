#include "controller/http/history_desk.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace unik::controller {
namespace {

// How long the last World is kept for the next question: it may be as large as the live one.
constexpr std::chrono::seconds kKeepWorld(30);

}  // namespace

HistoryDesk::HistoryDesk(History history) : history_(std::move(history)), thread_([this] { run(); }) {}

HistoryDesk::~HistoryDesk() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void HistoryDesk::ask(const Moment& moment, OnWorld on_world) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kMaxHistoryReads) {
      waiting_.push_back({moment, std::move(on_world)});
      wake_.notify_one();
      return;
    }
  }
  on_world(exhausted("too_many_history_reads",
                     std::to_string(kMaxHistoryReads) + " questions about the past are waiting: try again"));
}

void HistoryDesk::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const bool woken = wake_.wait_for(lock, kKeepWorld, [this] { return !waiting_.empty() || ending_; });
    if (ending_) return;
    if (!woken) {
      history_.forget();
      wake_.wait(lock, [this] { return !waiting_.empty() || ending_; });
      continue;
    }
    const Question question = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    question.on_world(history_.at(question.moment));
    lock.lock();
  }
}

}  // namespace unik::controller
