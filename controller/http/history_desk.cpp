#include "controller/http/history_desk.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "controller/store/base.hpp"

namespace unik::controller {
namespace {

// How long the last World is kept for the next question: it may be as large as the live one.
constexpr std::chrono::seconds kKeepWorld(30);

}  // namespace

HistoryDesk::HistoryDesk(History history)
    : history_(std::move(history)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void HistoryDesk::ask(const Moment& moment, OnWorld on_world) {
  Error error = exhausted("too_many_history_reads",
                          std::to_string(kMaxHistoryReads) + " questions about the past are waiting: try again");
  {
    const std::lock_guard lock(mutex_);
    if (thread_.get_stop_token().stop_requested()) {
      error = ending();
    } else if (waiting_.size() < kMaxHistoryReads) {
      waiting_.push_back({moment, std::move(on_world)});
      wake_.notify_one();
      return;
    }
  }
  on_world(std::move(error));
}

void HistoryDesk::run(const std::stop_token& stop) {
  const auto asked = [this] { return !waiting_.empty(); };
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested() || asked()) {
    if (!wake_.wait_for(lock, stop, kKeepWorld, asked)) {
      history_.forget();
      wake_.wait(lock, stop, asked);
      continue;
    }
    const Question question = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    question.on_world(history_.at(question.moment, stop));
    lock.lock();
  }
}

}  // namespace unik::controller
