#include "wire/http_server.hpp"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "api/check.hpp"
#include "wire/clock.hpp"
#include "wire/http_exchange.hpp"
#include "wire/listener.hpp"
#include "wire/log.hpp"
#include "wire/out_queue.hpp"
#include "wire/request_parser.hpp"
#include "wire/request_target.hpp"
#include "wire/response_text.hpp"
#include "wire/transport.hpp"

namespace unik::wire {
namespace {

namespace asio = boost::asio;
using AsioError = boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

constexpr std::size_t kReadBytes = 64 << 10;
constexpr int kReadsPerTurn = 4;  // then other connections have theirs
constexpr int kAcceptsPerTurn = 64;
constexpr std::size_t kRefusedConnections = 256;  // beyond the limit, being told so; more are just closed
constexpr Time kNever = Time::max();

// What all workers share; outlives none of them, and they outlive no handle.
struct Shared {
  HttpHandler handler;
  BodyPolicyFor policy;
  ServerLimits limits;
  Duration tick{};

  std::atomic<std::uint64_t> connections = 0;
  std::atomic<std::uint64_t> accepted = 0;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::atomic<std::int64_t> body_bytes = 0;

  std::mutex mutex;
  std::condition_variable drained;  // `connections` fell to 0
};

class Connection;

// One I/O thread and its connections.
class Worker final : public Mailbox, public std::enable_shared_from_this<Worker> {
 public:
  explicit Worker(std::shared_ptr<Shared> state) : shared(std::move(state)), ticker_(io), work_(io.get_executor()) {}

  bool is_here() const override { return std::this_thread::get_id() == thread_id_.load(std::memory_order_relaxed); }
  bool post(std::function<void()> work) override;

  void run();
  void adopt(int fd);
  void drain();
  void end();

  using Connections = std::list<std::shared_ptr<Connection>>;
  void forget(Connections::iterator place);

  const std::shared_ptr<Shared> shared;
  asio::io_context io{1};
  std::vector<std::shared_ptr<Worker>> peers;  // of the accepting worker: where connections go, itself included
  std::list<std::pair<Listener, Descriptor>> listeners;
  Result<void> listen(Listener listener);

  std::array<char, kReadBytes> scratch{};
  Time now{};  // counts only while this thread turns, so that a stalled host does not close its clients
  std::string date;
  bool draining = false;

 private:
  void arm_tick();
  void on_tick();
  void arm_accept(std::pair<Listener, Descriptor>& listener);
  void on_acceptable(std::pair<Listener, Descriptor>& listener);

  asio::steady_timer ticker_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::atomic<std::thread::id> thread_id_;
  Connections connections_;
  Time last_tick_{};
  std::size_t next_peer_ = 0;
  std::vector<std::pair<Listener, Descriptor>*> accept_again_;  // at the next tick: descriptors had run out
  std::mutex mutex_;
  bool ended_ = false;  // written on this thread, with the mutex, so this thread reads it without
};

// One client: reads requests, has them handled one at a time, writes the answers. Everything runs on its worker's
// thread. The loop is `turn`: bytes in, as many steps as they allow, bytes out, wait.
class Connection final : public ConnectionSide, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Worker& worker, int fd)
      : worker_(worker), limits_(worker.shared->limits), socket_(worker.io), transport_(fd), peer_(greet(fd)) {}
  ~Connection() { release_body(); }

  void start(int fd, Worker::Connections::iterator place, bool too_many);
  void on_tick();
  void drain();
  void close();  // the client is gone, or has to go

  void on_answer(HttpResponse response) override;
  void on_stream(int status, Headers headers) override;
  void on_stream_data() override;
  void on_cut() override;
  void on_body_wanted() override { continue_turn(); }
  bool in_turn() const override { return in_turn_; }

 private:
  enum class Phase : std::uint8_t {
    kIdle,    // between requests, or inside a head
    kBody,    // reading a body that is kept
    kWork,    // the handler has the request; a streamed body may be coming
    kLinger,  // the last answer is on its way; what still comes in is dropped
    kClosed,
  };

  void turn(std::string_view fresh);
  void continue_turn() {
    if (!in_turn_) turn({});
  }
  bool steps(std::string_view fresh);
  bool step(std::string_view& rest);
  bool step_head(std::string_view& rest);
  bool step_body(std::string_view& rest);
  bool step_work(std::string_view& rest);
  bool step_streamed_body(std::string_view& rest);
  void take_head();
  bool fits_policy();
  void dispatch();
  void end_exchange();
  void refuse(int status, Error error);
  void queue_head(int status, const Headers& headers, std::string_view content_type, Framing framing,
                  std::size_t body_bytes);
  void queue_continue();
  void flush();
  void begin_linger();
  void settle_end_of_input();
  bool has_unread_body() const { return body_open_ && head_.has_body; }
  bool wants_input() const;
  void arm_read();
  void arm_write();
  void arm_error();
  void on_readable();
  bool read_once();
  void on_hang_up();
  void release_body();

  Worker& worker_;
  const ServerLimits& limits_;
  Descriptor socket_;
  Transport transport_;
  const Peer peer_;
  Worker::Connections::iterator place_;

  Phase phase_ = Phase::kIdle;
  bool in_turn_ = false;
  bool cut_ = false;
  bool reading_ = false;  // a wait is pending
  bool writing_ = false;
  bool eof_ = false;        // the client will send nothing more
  bool lingering_ = false;  // our side is shut down

  RequestParser parser_;
  std::string in_;  // read, not yet consumed: at most kMaxPipelinedBytes plus one read
  OutQueue out_;

  // Of the request at work.
  RequestHead head_;
  HttpRequest request_;
  std::string trace_id_;
  BodyPolicy policy_;
  std::uint64_t body_taken_ = 0;
  std::int64_t charged_ = 0;  // of Shared::body_bytes
  bool body_open_ = false;    // a streamed body has not ended
  bool continue_due_ = false;
  bool responded_ = false;
  bool done_ = false;  // the whole response is in `out_`
  bool chunked_ = false;
  bool streaming_ = false;
  bool keep_alive_ = true;
  std::shared_ptr<Exchange> exchange_;

  Time deadline_ = kNever;  // of the phase
  Time body_deadline_ = kNever;
  Time write_deadline_ = kNever;
  Time half_close_deadline_ = kNever;
};

// --- Connection: the loop ---

void Connection::start(int fd, Worker::Connections::iterator place, bool too_many) {
  place_ = place;
  AsioError error;
  socket_.assign(fd, error);
  if (error) {
    ::close(fd);
    return close();
  }
  arm_error();
  deadline_ = worker_.now + limits_.idle;
  if (too_many)
    refuse(503, unavailable("too_many_connections", "the server has as many connections as it may: try again later"));
  turn({});
}

void Connection::turn(std::string_view fresh) {
  steps(fresh);
  while (phase_ != Phase::kClosed) {
    if (cut_) {
      transport_.reset_on_close();
      return close();
    }
    flush();
    if (phase_ == Phase::kLinger && out_.empty()) begin_linger();
    // A pipelined request waits until the answer before it is on its way.
    if (phase_ != Phase::kIdle || in_.empty() || !out_.empty() || !steps({})) break;
  }
  if (phase_ == Phase::kClosed) return;
  if (eof_) settle_end_of_input();
  arm_read();
}

bool Connection::steps(std::string_view fresh) {
  const bool kept = !in_.empty();
  if (kept) in_.append(fresh);
  std::string_view rest = kept ? std::string_view(in_) : fresh;
  bool moved = false;
  in_turn_ = true;
  while (!cut_ && step(rest)) moved = true;
  in_turn_ = false;
  if (kept)
    in_.erase(0, in_.size() - rest.size());
  else
    in_.assign(rest);
  if (in_.empty()) std::string().swap(in_);  // an idle connection keeps no memory
  return moved;
}

bool Connection::step(std::string_view& rest) {
  switch (phase_) {
    case Phase::kIdle:
      return out_.empty() && step_head(rest);
    case Phase::kBody:
      return step_body(rest);
    case Phase::kWork:
      return step_work(rest);
    case Phase::kLinger:
      rest = {};
      return false;
    case Phase::kClosed:
      return false;
  }
  return false;
}

bool Connection::step_head(std::string_view& rest) {
  if (rest.empty()) return false;
  const bool had_begun = parser_.started();
  const RequestParser::Progress progress = parser_.next(rest);
  rest.remove_prefix(progress.consumed);
  if (progress.step == RequestParser::Step::kRefused) {
    refuse(parser_.refusal().status, parser_.refusal().error);
    return true;
  }
  if (progress.step == RequestParser::Step::kHead) {
    take_head();
    return true;
  }
  if (!had_begun && parser_.started()) deadline_ = worker_.now + limits_.header;
  return false;
}

// A valid id of the caller is kept, so that a trace spans programs.
std::string choose_trace_id(const Headers& headers) {
  const std::string_view own = headers.get("X-Trace-Id");
  if (is_trace_id(own)) return std::string(own);
  const std::string_view parent = headers.get("traceparent");  // 00-TRACE-SPAN-FLAGS
  if (parent.size() == 55 && parent.starts_with("00-") && is_trace_id(parent.substr(3, 32)))
    return std::string(parent.substr(3, 32));
  return new_trace_id();
}

void Connection::take_head() {
  head_ = std::move(parser_.head());
  trace_id_ = choose_trace_id(head_.headers);
  keep_alive_ = head_.keep_alive;
  continue_due_ = head_.expects_continue;
  body_taken_ = 0;
  Result<RequestTarget> target = parse_request_target(head_.target);
  if (!target) return refuse(400, std::move(target).error());
  const Shared& shared = *worker_.shared;
  policy_ = shared.policy ? shared.policy(head_.method, target->path) : BodyPolicy();
  if (!fits_policy()) return;
  request_.method = head_.method;
  request_.target = std::move(head_.target);
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);
  request_.headers = std::move(head_.headers);
  request_.peer = peer_;
  request_.trace_id = trace_id_;
  if (policy_.streamed || !head_.has_body) return dispatch();
  phase_ = Phase::kBody;
  deadline_ = worker_.now + limits_.body_stall;
  body_deadline_ = worker_.now + limits_.body_total;
  queue_continue();
}

// Whether the body, as announced and as far as it came, is within its policy; if not, it was refused.
bool Connection::fits_policy() {
  if (std::max(body_taken_, head_.content_length.value_or(0)) > policy_.max_bytes) {
    refuse(413, invalid("body_too_large",
                        "request body: want at most " + std::to_string(policy_.max_bytes) + " bytes here"));
    return false;
  }
  return true;
}

bool Connection::step_body(std::string_view& rest) {
  const RequestParser::Progress progress = parser_.next(rest);
  switch (progress.step) {
    case RequestParser::Step::kBody: {
      const std::string_view piece = parser_.body();
      rest.remove_prefix(progress.consumed);
      deadline_ = worker_.now + limits_.body_stall;
      body_taken_ += piece.size();
      if (!fits_policy()) return true;
      charged_ += static_cast<std::int64_t>(piece.size());
      const std::int64_t all = worker_.shared->body_bytes += static_cast<std::int64_t>(piece.size());
      if (all > limits_.buffered_bodies.value) {
        refuse(503,
               unavailable("too_many_bytes", "the server holds as many request bodies as it may: try again later"));
        return true;
      }
      request_.body.append(piece);
      return true;
    }
    case RequestParser::Step::kDone:
      rest.remove_prefix(progress.consumed);
      dispatch();
      return true;
    case RequestParser::Step::kRefused:
      refuse(parser_.refusal().status, parser_.refusal().error);
      return true;
    case RequestParser::Step::kNeedMore:
    case RequestParser::Step::kHead:
      rest.remove_prefix(progress.consumed);
      return false;
  }
  return false;
}

void Connection::dispatch() {
  phase_ = Phase::kWork;
  deadline_ = body_deadline_ = kNever;
  if (eof_) half_close_deadline_ = worker_.now + limits_.half_close;
  responded_ = done_ = chunked_ = streaming_ = false;
  body_open_ = policy_.streamed;
  exchange_ = std::make_shared<Exchange>(worker_.shared_from_this(), this, trace_id_);
  if (policy_.streamed) request_.stream = BodyStream(std::make_shared<BodyStream::State>(BodyStream::State{exchange_}));
  ++worker_.shared->requests;
  HttpRequest request = std::exchange(request_, {});
  Responder responder(std::make_shared<Responder::State>(exchange_));
  worker_.shared->handler(std::move(request), std::move(responder));
}

bool Connection::step_work(std::string_view& rest) {
  if (done_) {
    end_exchange();
    return true;
  }
  return body_open_ && !responded_ && exchange_->body_wanted() && step_streamed_body(rest);
}

bool Connection::step_streamed_body(std::string_view& rest) {
  queue_continue();
  const RequestParser::Progress progress = parser_.next(rest);
  rest.remove_prefix(progress.consumed);
  switch (progress.step) {
    case RequestParser::Step::kBody:
      body_taken_ += parser_.body().size();
      if (fits_policy()) exchange_->give_body(parser_.body());
      return true;
    case RequestParser::Step::kDone:
      body_open_ = false;
      exchange_->end_body({});
      return true;
    case RequestParser::Step::kRefused:
      refuse(parser_.refusal().status, parser_.refusal().error);
      return true;
    case RequestParser::Step::kNeedMore:
    case RequestParser::Step::kHead:
      return false;
  }
  return false;
}

// The answer is complete: on to the next request, or to the end.
void Connection::end_exchange() {
  const bool reusable = keep_alive_ && !has_unread_body() && !worker_.draining;
  exchange_->detach(false);
  exchange_.reset();
  body_open_ = false;
  streaming_ = false;
  half_close_deadline_ = kNever;
  release_body();
  head_ = {};
  trace_id_.clear();
  if (!reusable) {
    phase_ = Phase::kLinger;
    return;
  }
  parser_.reset();
  phase_ = Phase::kIdle;
  deadline_ = worker_.now + limits_.idle;
}

// The client will send nothing more, and everything that it sent and that may be consumed was.
void Connection::settle_end_of_input() {
  switch (phase_) {
    case Phase::kIdle:
      if (out_.empty()) close();
      return;
    case Phase::kBody:
      return close();
    case Phase::kWork:
      if (body_open_ && !responded_ && exchange_->body_wanted()) close();
      return;
    case Phase::kLinger:
      if (lingering_) close();
      return;
    case Phase::kClosed:
      return;
  }
}

// --- Connection: answers ---

void Connection::on_answer(HttpResponse response) {
  responded_ = done_ = true;
  const bool bodiless = response.status == 204 || response.status == 304;
  queue_head(response.status, response.headers, bodiless ? std::string_view() : response.content_type,
             bodiless ? Framing::kNone : Framing::kLength, response.body.size());
  if (!bodiless && head_.method != "HEAD") out_.push(std::move(response.body));
  continue_turn();
}

void Connection::on_stream(int status, Headers headers) {
  responded_ = streaming_ = true;
  const bool bodiless = status == 204 || status == 304;
  chunked_ = head_.http11 && !bodiless;
  if (!chunked_ && !bodiless) keep_alive_ = false;
  queue_head(status, headers, {}, bodiless ? Framing::kNone : chunked_ ? Framing::kChunked : Framing::kToClose, 0);
  done_ = bodiless || head_.method == "HEAD";
  continue_turn();
}

void Connection::on_stream_data() {
  if (!streaming_) return;
  Exchange::Taken taken = exchange_->take_stream();
  for (std::string& chunk : taken.chunks) {
    if (chunked_) out_.push(format_chunk_size(chunk.size()));
    out_.push(std::move(chunk));
    if (chunked_) out_.push("\r\n");
  }
  if (taken.finished) {
    if (chunked_) out_.push("0\r\n\r\n");
    done_ = true;
  }
  continue_turn();
}

void Connection::on_cut() {
  cut_ = true;
  continue_turn();
}

// The server's own answer; the connection ends after it.
void Connection::refuse(int status, Error error) {
  ++worker_.shared->refused;
  if (exchange_) {
    exchange_->answered_by_server();
    exchange_->end_body(error);
    exchange_->detach(false);
    exchange_.reset();
  }
  if (trace_id_.empty()) trace_id_ = new_trace_id();
  keep_alive_ = false;
  const HttpResponse response = refusal(std::move(error), trace_id_);
  queue_head(status, response.headers, response.content_type, Framing::kLength, response.body.size());
  if (head_.method != "HEAD") out_.push(response.body);
  release_body();
  phase_ = Phase::kLinger;
  deadline_ = body_deadline_ = half_close_deadline_ = kNever;
}

void Connection::queue_head(int status, const Headers& headers, std::string_view content_type, Framing framing,
                            std::size_t body_bytes) {
  const bool keep = keep_alive_ && !has_unread_body() && !worker_.draining;
  keep_alive_ = keep;
  out_.push(format_head({.status = status,
                         .headers = headers,
                         .content_type = content_type,
                         .trace_id = trace_id_,
                         .date = worker_.date,
                         .framing = framing,
                         .body_bytes = body_bytes,
                         .http11 = head_.http11,
                         .keep_alive = keep}));
}

void Connection::queue_continue() {
  if (std::exchange(continue_due_, false)) out_.push("HTTP/1.1 100 Continue\r\n\r\n");
}

// --- Connection: the socket ---

void Connection::flush() {
  bool progress = false;
  while (!out_.empty()) {
    const Transport::Moved moved = transport_.write(out_);
    if (moved.state == Transport::State::kFailed) return close();
    if (moved.state == Transport::State::kWouldBlock) break;
    progress = true;
  }
  if (out_.empty())
    write_deadline_ = kNever;
  else if (progress || write_deadline_ == kNever)
    write_deadline_ = worker_.now + (streaming_ ? limits_.stream_stall : limits_.write_stall);
  if (progress && half_close_deadline_ != kNever) half_close_deadline_ = worker_.now + limits_.half_close;
  if (streaming_) exchange_->set_unsent(out_.bytes());
  if (!out_.empty()) arm_write();
}

// Closing with unread bytes would make the kernel reset the connection and could take our last answer with it.
void Connection::begin_linger() {
  if (lingering_) return;
  lingering_ = true;
  transport_.end_writing();
  deadline_ = worker_.now + limits_.linger;
}

bool Connection::wants_input() const {
  if (eof_) return false;
  switch (phase_) {
    case Phase::kIdle:
      return in_.size() < kMaxPipelinedBytes;
    case Phase::kBody:
      return true;
    case Phase::kWork:
      if (body_open_) return !responded_ && exchange_->body_wanted();
      return in_.size() < kMaxPipelinedBytes;  // nothing is expected, but the end of the connection
    case Phase::kLinger:
      return lingering_;
    case Phase::kClosed:
      return false;
  }
  return false;
}

void Connection::arm_read() {
  if (reading_ || !wants_input()) return;
  reading_ = true;
  socket_.async_wait(Descriptor::wait_read, [self = shared_from_this()](AsioError error) {
    self->reading_ = false;
    if (!error && self->phase_ != Phase::kClosed) self->on_readable();
  });
}

void Connection::arm_write() {
  if (writing_) return;
  writing_ = true;
  socket_.async_wait(Descriptor::wait_write, [self = shared_from_this()](AsioError error) {
    self->writing_ = false;
    if (!error && self->phase_ != Phase::kClosed) self->turn({});
  });
}

// Tells of a hang-up even while nothing is read.
void Connection::arm_error() {
  socket_.async_wait(Descriptor::wait_error, [self = shared_from_this()](AsioError error) {
    if (!error && self->phase_ != Phase::kClosed) self->on_hang_up();
  });
}

void Connection::on_readable() {
  for (int i = 0; i < kReadsPerTurn && wants_input(); ++i)
    if (!read_once()) break;
  arm_read();
}

// True when there may be more at once.
bool Connection::read_once() {
  const Transport::Moved moved = transport_.read(worker_.scratch);
  switch (moved.state) {
    case Transport::State::kWouldBlock:
      return false;
    case Transport::State::kFailed:
      close();
      return false;
    case Transport::State::kEnd:
      eof_ = true;
      if (phase_ == Phase::kWork) half_close_deadline_ = worker_.now + limits_.half_close;
      turn({});
      return false;
    case Transport::State::kDone:
      if (phase_ != Phase::kLinger) turn({worker_.scratch.data(), moved.bytes});
      return moved.bytes == worker_.scratch.size();
  }
  return false;
}

// Both directions are closed, but what was sent before may still be there to read: the end of an upload counts.
void Connection::on_hang_up() {
  while (wants_input() && read_once()) {
  }
  if (phase_ != Phase::kClosed) close();
}

void Connection::on_tick() {
  const Time now = worker_.now;
  if (now >= write_deadline_ || now >= half_close_deadline_) return close();
  if (now < deadline_ && now < body_deadline_) return;
  if (phase_ == Phase::kBody)
    refuse(408, timed_out("body_timeout", "the request body did not arrive in time: send it faster or in parts"));
  else if (phase_ == Phase::kIdle && parser_.started())
    refuse(408, timed_out("header_timeout", "the request header did not arrive in time"));
  else
    return close();
  turn({});
}

void Connection::drain() {
  if (phase_ == Phase::kIdle && !parser_.started() && out_.empty()) close();
}

void Connection::release_body() {
  worker_.shared->body_bytes -= std::exchange(charged_, 0);
}

// Safe in every phase; `this` may be gone afterwards unless the caller holds it.
void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  phase_ = Phase::kClosed;
  AsioError ignored;
  socket_.close(ignored);
  release_body();
  if (const std::shared_ptr<Exchange> exchange = std::exchange(exchange_, nullptr)) exchange->detach(!done_);
  worker_.forget(place_);
}

// --- Worker ---

bool Worker::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (ended_) return false;
  asio::post(io, std::move(work));
  return true;
}

void Worker::run() {
  thread_id_ = std::this_thread::get_id();
  last_tick_ = read_clock().boot;
  on_tick();
  io.run();
}

void Worker::arm_tick() {
  ticker_.expires_after(shared->tick);
  ticker_.async_wait([this](AsioError error) {
    // A tick that was due before `end` cancelled the next one still comes, and must not arm another.
    if (!error && !ended_) on_tick();
  });
}

void Worker::on_tick() {
  const Now clock = read_clock();
  now += std::min<Duration>(clock.boot - std::exchange(last_tick_, clock.boot), 2 * shared->tick);
  date = format_http_date(clock.wall);
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = *next++;  // held: it may be closed and forgotten
    current->on_tick();
  }
  for (auto* listener : std::exchange(accept_again_, {})) arm_accept(*listener);
  arm_tick();
}

// The descriptor gets a copy of the socket, so that each of the two owns what it closes.
Result<void> Worker::listen(Listener listener) {
  const int copy = fcntl(listener.fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0)
    return unavailable("cannot_listen", "cannot listen on " + to_string(listener.endpoint()) + ": " + strerror(errno));
  listeners.emplace_back(std::move(listener), Descriptor(io));
  AsioError error;
  listeners.back().second.assign(copy, error);
  if (error) {
    ::close(copy);
    return unavailable("cannot_listen",
                       "cannot listen on " + to_string(listeners.back().first.endpoint()) + ": " + error.message());
  }
  arm_accept(listeners.back());
  return {};
}

void Worker::arm_accept(std::pair<Listener, Descriptor>& listener) {
  listener.second.async_wait(Descriptor::wait_read, [this, &listener](AsioError error) {
    if (!error && !draining) on_acceptable(listener);
  });
}

void Worker::on_acceptable(std::pair<Listener, Descriptor>& listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = accept_connection(listener.first.fd());
    if (fd < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (fd < 0) {
      accept_again_.push_back(&listener);
      return;
    }
    const std::shared_ptr<Worker>& peer = peers[next_peer_++ % peers.size()];
    if (peer.get() == this)
      adopt(fd);
    else if (!peer->post([peer = peer.get(), fd] { peer->adopt(fd); }))
      ::close(fd);
  }
  arm_accept(listener);
}

void Worker::adopt(int fd) {
  const std::uint64_t count = ++shared->connections;
  ++shared->accepted;
  const std::size_t limit = shared->limits.max_connections;
  if (draining || count > limit + kRefusedConnections) {
    ::close(fd);
    --shared->connections;
    return;
  }
  const auto connection = std::make_shared<Connection>(*this, fd);
  connection->start(fd, connections_.insert(connections_.end(), connection), count > limit);
}

void Worker::forget(Connections::iterator place) {
  connections_.erase(place);
  if (--shared->connections > 0) return;
  const std::lock_guard lock(shared->mutex);
  shared->drained.notify_all();
}

void Worker::drain() {
  draining = true;
  listeners.clear();
  accept_again_.clear();
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = *next++;
    current->drain();
  }
}

void Worker::end() {
  while (!connections_.empty()) {
    const auto current = connections_.front();
    current->close();
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ticker_.cancel();
  work_.reset();
}

// Short enough that the shortest limit is kept to about a quarter.
Duration tick_of(const ServerLimits& limits) {
  const Duration shortest = std::min({limits.header, limits.idle, limits.body_stall, limits.body_total,
                                      limits.write_stall, limits.stream_stall, limits.half_close, limits.linger});
  return std::clamp<Duration>(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(500));
}

}  // namespace

// --- HttpServer ---

struct HttpServer::Impl {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::vector<Endpoint> endpoints;
  std::vector<std::shared_ptr<Worker>> workers;
  std::vector<std::thread> threads;

  void run();
  void stop(Duration grace);
};

// The I/O threads take no signals: those belong to the program's main thread.
void HttpServer::Impl::run() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (const std::shared_ptr<Worker>& worker : workers) threads.emplace_back([worker] { worker->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void HttpServer::Impl::stop(Duration grace) {
  if (threads.empty()) return;
  for (const std::shared_ptr<Worker>& worker : workers) {
    UNIK_CHECK(!worker->is_here(), "HttpServer::stop on its own I/O thread would wait for itself");
    worker->post([worker = worker.get()] { worker->drain(); });
  }
  {
    std::unique_lock lock(shared->mutex);
    shared->drained.wait_for(lock, grace, [this] { return shared->connections == 0; });
  }
  for (const std::shared_ptr<Worker>& worker : workers) worker->post([worker = worker.get()] { worker->end(); });
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  workers.front()->peers.clear();
}

Result<HttpServer> HttpServer::start(ServerOptions options, HttpHandler handler) {
  UNIK_CHECK(options.threads > 0, "a server needs a thread");
  auto impl = std::make_unique<Impl>();
  impl->shared->handler = std::move(handler);
  impl->shared->policy = std::move(options.body_policy);
  impl->shared->limits = options.limits;
  impl->shared->tick = tick_of(options.limits);
  for (int i = 0; i < options.threads; ++i) impl->workers.push_back(std::make_shared<Worker>(impl->shared));
  Worker& acceptor = *impl->workers.front();
  for (const ListenAddress& address : options.listen) {
    Result<Listener> listener = Listener::open(address);
    if (!listener) return std::move(listener).error();
    impl->endpoints.push_back(listener->endpoint());
    if (Result<void> listening = acceptor.listen(std::move(*listener)); !listening) return std::move(listening).error();
  }
  acceptor.peers = impl->workers;
  impl->run();
  return HttpServer(std::move(impl));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() {
  if (impl_) impl_->stop(Duration::zero());
}

const std::vector<Endpoint>& HttpServer::endpoints() const {
  return impl_->endpoints;
}

ServerStats HttpServer::stats() const {
  const Shared& shared = *impl_->shared;
  return {shared.connections, shared.accepted, shared.requests, shared.refused};
}

void HttpServer::stop(Duration grace) {
  impl_->stop(grace);
}

}  // namespace unik::wire
