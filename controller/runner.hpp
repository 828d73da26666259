// Drives the loop in a running controller: one thread that takes events from a bounded inbox, turns the loop with the
// real clock, and hands its effects to the ports.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "controller/committer.hpp"
#include "controller/loop.hpp"
#include "controller/ports.hpp"

namespace unik::controller {

// Events that wait for the loop. Beyond it a request is answered `exhausted`; answers of ports are always taken.
inline constexpr std::size_t kMaxInbox = 10'000;

// The effects that the HTTP side and the builder carry out, called on the loop's thread; none may block.
struct RunnerSinks {
  std::function<void(const PublishWorld&)> published;
  std::function<void(const ExpectLog&)> expect_log;
  std::function<void(const GiveUpLog&)> give_up_log;
  std::function<void(const EndLogs&)> end_logs;
  std::function<void(const BeginBuild&)> begin_build;
  std::function<void(const EndBuild&)> end_build;
  std::function<void(Duration turn_time, std::size_t events)> turned;
};

class Runner {
 public:
  // `on_answer` is called once, on a thread that may serialise and send.
  using OnAnswer = std::function<void(Answer)>;

  Runner(std::string store_path, Store store, World world, LoopOptions options, const Retention& keep = {});
  ~Runner();  // stop()

  // Starts turning. The sinks must outlive the runner.
  void start(RunnerSinks sinks);
  // The commit under way is ended, requests that wait get no answer.
  void stop();

  // Asks the loop; `make` gets the id that the event must carry. Any thread. Returns the id.
  RequestId ask(const std::function<Event(RequestId)>& make, OnAnswer on_answer);
  // The client of a waiting request went away.
  void forget(RequestId id);
  void post(Event event);

  // The newest published World. Any thread.
  std::shared_ptr<const World> world() const;
  bool turning() const { return turning_; }

 private:
  void run();
  void answer_all();
  void carry_out(Effects effects);
  void answer(std::vector<Reply> replies);
  void release_memory();

  Loop loop_;
  RunnerSinks sinks_;

  mutable std::mutex inbox_mutex_;
  std::condition_variable inbox_wake_;
  std::vector<Event> inbox_;
  bool hurry_ = false;  // something in the inbox does not wait for company
  bool ending_ = false;

  mutable std::mutex world_mutex_;
  std::shared_ptr<const World> world_;

  std::mutex answers_mutex_;
  std::condition_variable answers_wake_;
  std::map<RequestId, OnAnswer> waiting_;
  std::vector<std::pair<OnAnswer, Answer>> ready_;
  bool release_due_ = false;  // memory is given back when what is ready has been answered
  bool answers_ending_ = false;
  RequestId last_id_ = 0;

  std::atomic<bool> turning_ = false;
  Committer committer_;  // after all that its thread posts into
  std::thread loop_thread_;
  std::thread answer_thread_;
};

}  // namespace unik::controller
