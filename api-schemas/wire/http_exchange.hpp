// One request and its answer, as seen from both sides: handles that any thread may hold, and the connection that lives
// on one I/O thread. It is the only place where the two meet; everything behind `ConnectionSide` is single-threaded.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "wire/http_server.hpp"

namespace unik::wire {

// What an exchange tells its connection. Called on the connection's I/O thread only.
class ConnectionSide {
 public:
  virtual void on_answer(HttpResponse response) = 0;
  virtual void on_stream(int status, Headers headers) = 0;
  virtual void on_stream_data() = 0;  // `take_stream` has something, or the stream is finished
  virtual void on_cut() = 0;          // close at once, so that the client sees that it is not whole
  virtual void on_body_wanted() = 0;  // the body was started or resumed
  // Whether the connection is in the middle of its loop and expects answers at once; otherwise they are posted.
  virtual bool in_turn() const = 0;

 protected:
  ~ConnectionSide() = default;
};

// Where work for one I/O thread is left. Any thread.
class Mailbox {
 public:
  virtual ~Mailbox() = default;
  virtual bool is_here() const = 0;                   // whether this is that thread
  virtual bool post(std::function<void()> work) = 0;  // false once the thread has ended; `work` is then dropped
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  using Callback = std::function<void()>;

  Exchange(std::shared_ptr<Mailbox> mailbox, ConnectionSide* side, std::string trace_id)
      : mailbox_(std::move(mailbox)), trace_id_(std::move(trace_id)), side_(side) {}

  const std::string& trace_id() const { return trace_id_; }

  // For the handles, any thread.
  void answer(HttpResponse response);
  bool start_stream(int status, Headers headers);
  bool waiting() const;
  bool write(std::string chunk);
  void finish();
  void cut();  // does nothing after `finish`
  std::size_t buffered() const;
  void set_on_drain(Callback callback);
  void set_on_close(Callback callback);
  void post(Callback callback) { mailbox_->post(std::move(callback)); }
  void start_body(BodyStream::OnData on_data, BodyStream::OnEnd on_end);
  void pause_body(bool paused);

  // For the connection, on its I/O thread.
  struct Taken {
    std::vector<std::string> chunks;
    bool finished = false;
  };
  Taken take_stream();
  // `unsent`: bytes that the kernel has not taken, `take_stream` included. Runs `on_drain` where it is due.
  void set_unsent(std::size_t unsent);
  bool body_wanted() const { return body_started_ && !body_paused_.load(std::memory_order_acquire); }
  void give_body(std::string_view chunk) { on_data_(chunk); }
  void end_body(Result<void> outcome);
  // The connection answers by itself: a later answer does nothing, and `on_close` will not be called.
  void answered_by_server();
  // The last call: the connection forgets the exchange. `gone`: the client went away before the answer was complete.
  void detach(bool gone);

 private:
  void refuse_body(const BodyStream::OnEnd& on_end) const;
  bool is_in_turn() const { return mailbox_->is_here() && side_ && side_->in_turn(); }
  template <typename Work>
  void to_connection(Work work);

  const std::shared_ptr<Mailbox> mailbox_;
  const std::string trace_id_;

  // Only on the I/O thread.
  ConnectionSide* side_;
  bool body_started_ = false;
  BodyStream::OnData on_data_;
  BodyStream::OnEnd on_end_;

  std::atomic<bool> body_paused_ = false;

  mutable std::mutex mutex_;  // guards what follows; never held during a callback
  bool answered_ = false;
  bool detached_ = false;
  bool gone_ = false;
  bool body_taken_ = false;
  bool finished_ = false;  // no more stream data will be taken
  bool cut_ = false;
  bool notified_ = false;  // on_stream_data is on its way
  bool was_high_ = false;
  std::size_t pending_bytes_ = 0;
  std::size_t unsent_ = 0;
  std::vector<std::string> pending_;
  Callback on_drain_;
  Callback on_close_;
};

// The answer to a request that is refused or failed, and a line of the log by which its trace id is found.
HttpResponse refusal(Error error, std::string_view trace_id);

// The last copy's end answers or cuts: nobody is left hanging.
struct Responder::State {
  std::shared_ptr<Exchange> exchange;
  explicit State(std::shared_ptr<Exchange> e) : exchange(std::move(e)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();
};

struct Stream::State {
  std::shared_ptr<Exchange> exchange;
  bool dead = false;  // started after an answer or without a client: it must not touch what is not its own
  State(std::shared_ptr<Exchange> e, bool d) : exchange(std::move(e)), dead(d) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (!dead) exchange->cut();
  }
};

struct BodyStream::State {
  std::shared_ptr<Exchange> exchange;
};

}  // namespace unik::wire
