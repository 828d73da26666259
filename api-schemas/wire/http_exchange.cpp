#include "wire/http_exchange.hpp"

#include <utility>

#include "wire/log.hpp"

namespace unik::wire {
namespace {

Error client_gone() {
  return unavailable("client_gone", "the client went away before its body was whole");
}

}  // namespace

// Outside of the connection's own turn the work is posted, even on the same thread, so that answering a request never
// enters a handler while its caller holds a lock.
template <typename Work>
void Exchange::to_connection(Work work) {
  if (is_in_turn()) {
    work(*side_);
    return;
  }
  mailbox_->post([self = shared_from_this(), work = std::move(work)]() mutable {
    if (self->side_) work(*self->side_);
  });
}

void Exchange::answer(HttpResponse response) {
  Callback dropped;
  {
    const std::lock_guard lock(mutex_);
    if (answered_ || detached_) return;
    answered_ = true;
    std::swap(dropped, on_close_);
  }
  to_connection(
      [response = std::move(response)](ConnectionSide& side) mutable { side.on_answer(std::move(response)); });
}

bool Exchange::start_stream(int status, Headers headers) {
  {
    const std::lock_guard lock(mutex_);
    if (answered_ || detached_) return false;
    answered_ = true;
  }
  to_connection([status, headers = std::move(headers)](ConnectionSide& side) mutable {
    side.on_stream(status, std::move(headers));
  });
  return true;
}

bool Exchange::waiting() const {
  const std::lock_guard lock(mutex_);
  return !answered_ && !detached_;
}

bool Exchange::write(std::string chunk) {
  bool notify = false;
  bool overflow = false;
  {
    const std::lock_guard lock(mutex_);
    if (detached_ || finished_) return false;
    if (chunk.empty()) return true;  // would end a chunked body
    const std::size_t buffered = pending_bytes_ + unsent_;
    if (buffered + chunk.size() > kMaxStreamBuffer) {
      finished_ = cut_ = overflow = true;
    } else {
      pending_bytes_ += chunk.size();
      was_high_ = was_high_ || buffered + chunk.size() > kStreamLowWater;
      pending_.push_back(std::move(chunk));
      notify = !std::exchange(notified_, true);
    }
  }
  if (overflow) to_connection([](ConnectionSide& side) { side.on_cut(); });
  if (notify) to_connection([](ConnectionSide& side) { side.on_stream_data(); });
  return !overflow;
}

void Exchange::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (detached_ || finished_) return;
    finished_ = true;
  }
  to_connection([](ConnectionSide& side) { side.on_stream_data(); });
}

void Exchange::cut() {
  {
    const std::lock_guard lock(mutex_);
    if (detached_ || finished_) return;
    finished_ = cut_ = true;
  }
  to_connection([](ConnectionSide& side) { side.on_cut(); });
}

std::size_t Exchange::buffered() const {
  const std::lock_guard lock(mutex_);
  return detached_ ? 0 : pending_bytes_ + unsent_;
}

void Exchange::set_on_drain(Callback callback) {
  Callback due;
  {
    const std::lock_guard lock(mutex_);
    if (detached_) return;
    if (pending_bytes_ + unsent_ <= kStreamLowWater) due = callback;
    std::swap(on_drain_, callback);  // the old one is destroyed without the lock
  }
  if (due) mailbox_->post(std::move(due));
}

void Exchange::set_on_close(Callback callback) {
  bool gone = false;
  {
    const std::lock_guard lock(mutex_);
    gone = gone_;
    if (!detached_) std::swap(on_close_, callback);
  }
  if (gone && callback) mailbox_->post(std::move(callback));
}

void Exchange::start_body(BodyStream::OnData on_data, BodyStream::OnEnd on_end) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(body_taken_, true)) return;
  }
  // Runs even when the client has gone meanwhile, because `on_end` is promised.
  std::function<void()> work = [self = shared_from_this(), on_data = std::move(on_data), on_end = std::move(on_end)] {
    if (!self->side_) return self->refuse_body(on_end);
    self->on_data_ = on_data;
    self->on_end_ = on_end;
    self->body_started_ = true;
    self->side_->on_body_wanted();
  };
  if (is_in_turn())
    work();
  else
    mailbox_->post(std::move(work));
}

void Exchange::refuse_body(const BodyStream::OnEnd& on_end) const {
  bool gone = false;
  {
    const std::lock_guard lock(mutex_);
    gone = gone_;
  }
  if (gone && on_end) on_end(client_gone());
}

void Exchange::pause_body(bool paused) {
  body_paused_.store(paused, std::memory_order_release);
  if (!paused) to_connection([](ConnectionSide& side) { side.on_body_wanted(); });
}

Exchange::Taken Exchange::take_stream() {
  const std::lock_guard lock(mutex_);
  notified_ = false;
  unsent_ += std::exchange(pending_bytes_, 0);
  return {std::exchange(pending_, {}), finished_ && !cut_};
}

void Exchange::set_unsent(std::size_t unsent) {
  Callback drained;
  {
    const std::lock_guard lock(mutex_);
    unsent_ = unsent;
    if (was_high_ && pending_bytes_ + unsent_ <= kStreamLowWater) {
      was_high_ = false;
      drained = on_drain_;
    }
  }
  if (drained) drained();
}

void Exchange::end_body(Result<void> outcome) {
  on_data_ = nullptr;
  body_started_ = false;
  if (BodyStream::OnEnd on_end = std::exchange(on_end_, nullptr)) on_end(std::move(outcome));
}

void Exchange::answered_by_server() {
  Callback dropped;
  const std::lock_guard lock(mutex_);
  answered_ = true;
  std::swap(dropped, on_close_);
}

void Exchange::detach(bool gone) {
  // Callbacks may hold handles of this very exchange: they are called and destroyed without the lock.
  Callback on_close;
  Callback on_drain;
  std::vector<std::string> pending;
  side_ = nullptr;
  {
    const std::lock_guard lock(mutex_);
    detached_ = true;
    gone_ = gone;
    std::swap(on_close, on_close_);
    std::swap(on_drain, on_drain_);
    std::swap(pending, pending_);
  }
  on_data_ = nullptr;
  if (gone) end_body(client_gone());
  on_end_ = nullptr;
  if (gone && on_close) on_close();
}

HttpResponse refusal(Error error, std::string_view trace_id) {
  HttpResponse response = error_response(error, trace_id);
  log(response.status >= 500 ? LogLevel::kWarning : LogLevel::kInfo, "http", error.message,
      {{"status", response.status}, {"reason", error.reason}}, error.trace_id.empty() ? trace_id : error.trace_id);
  return response;
}

void Responder::send(HttpResponse response) const {
  state_->exchange->answer(std::move(response));
}
void Responder::send(const Error& error) const {
  state_->exchange->answer(refusal(error, state_->exchange->trace_id()));
}
bool Responder::waiting() const {
  return state_->exchange->waiting();
}

Stream Responder::start_stream(int status, Headers headers) const {
  const bool started = state_->exchange->start_stream(status, std::move(headers));
  return Stream(std::make_shared<Stream::State>(state_->exchange, !started));
}

void Responder::on_close(std::function<void()> callback) const {
  state_->exchange->set_on_close(std::move(callback));
}

Responder::State::~State() {
  if (!exchange->waiting()) return;
  exchange->answer(refusal(
      internal("no_answer", "the server dropped this request without an answer; please report it with its trace id"),
      exchange->trace_id()));
}

bool Stream::write(std::string chunk) const {
  return !state_->dead && state_->exchange->write(std::move(chunk));
}

void Stream::finish() const {
  if (!state_->dead) state_->exchange->finish();
}

void Stream::cut() const {
  if (!state_->dead) state_->exchange->cut();
}

std::size_t Stream::buffered() const {
  return state_->dead ? 0 : state_->exchange->buffered();
}

void Stream::on_drain(std::function<void()> callback) const {
  if (!state_->dead) state_->exchange->set_on_drain(std::move(callback));
}

void Stream::on_close(std::function<void()> callback) const {
  if (state_->dead)
    state_->exchange->post(std::move(callback));
  else
    state_->exchange->set_on_close(std::move(callback));
}

void BodyStream::start(OnData on_data, OnEnd on_end) const {
  state_->exchange->start_body(std::move(on_data), std::move(on_end));
}
void BodyStream::pause() const {
  state_->exchange->pause_body(true);
}
void BodyStream::resume() const {
  state_->exchange->pause_body(false);
}

}  // namespace unik::wire
