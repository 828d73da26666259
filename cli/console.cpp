#include "cli/console.hpp"

#include <thread>
#include <utility>

#include "cli/reconnect.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

LogSelection resumed(LogSelection selection, const LogLines& lines) {
  if (const auto since = lines.resume_since()) {
    selection.since = since;
    selection.tail.reset();  // it was a choice of where to begin
  }
  return selection;
}

// A stream that had begun says less than what is known of it: the controller cuts it where a node's push breaks off.
Error broke_off(const Error& error) {
  if (error.code != ErrorCode::kUnavailable) return error;
  return unavailable("console_broke_off",
                     "the console broke off before its end: the control plane or the agent that sends it went away");
}

bool may_heal(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout;
}

}  // namespace

Result<void> stream_console(const Session& session, const Api& api, LogSelection selection, LogFormat format) {
  selection.prefix = true;
  selection.timestamps = true;
  LogLines lines(format);
  bool told = false;
  bool ever_good = false;
  Reconnect reconnect(wire::read_clock().boot);
  for (;;) {
    bool began = false;
    reconnect.begins(wire::read_clock().boot);
    auto ended = api.logs(resumed(selection, lines), [&](std::string_view chunk) {
      told = false;
      ever_good = began = true;
      reconnect.heard();
      session.out(lines.feed(chunk));
      return session.can_write();
    });
    if (!session.can_write()) return {};
    const bool again = !ended && selection.follow && may_heal(ended.error()) &&
                       reconnect.may_try_again(ended.error(), wire::read_clock().boot);
    if (!ended && began) ended = broke_off(ended.error());
    if (!again) {
      session.out(lines.finish());
      // A control plane that was away meanwhile tells it so.
      const bool gone = ended.ok() || (ever_good && ended.error().code == ErrorCode::kNotFound);
      if (!gone || !selection.follow || selection.previous) return ended;
      session.say(selection.name + " is gone: there is nothing more to follow");
      return {};
    }
    if (!std::exchange(told, true)) session.warn(ended.error().message + "; opening it again");
    lines.reconnected();
    std::this_thread::sleep_for(kReconnectPause);
  }
}

BackgroundConsole::BackgroundConsole(const Session& session, const Api& api, std::string name, LogFormat format)
    : session_(session), api_(api), name_(std::move(name)), lines_(format) {}

BackgroundConsole::~BackgroundConsole() {
  close();
}

void BackgroundConsole::ensure_open() {
  wire::ClientRequest request;
  {
    const std::lock_guard lock(mutex_);
    if (open_) return;
    if (ever_open_) lines_.reconnected();
    open_ = ever_open_ = true;
    LogSelection selection;
    selection.name = name_;
    selection.follow = selection.prefix = selection.timestamps = true;
    request = api_.logs_request(resumed(selection, lines_));
  }
  request.sink = [this](std::string_view chunk) {
    const std::lock_guard lock(mutex_);
    session_.out(lines_.feed(chunk));
    return true;
  };
  const wire::Transfer transfer = client_.send(std::move(request), [this](Result<wire::ClientResponse>) {
    const std::lock_guard lock(mutex_);
    open_ = false;
    closed_.notify_all();
  });
  const std::lock_guard lock(mutex_);
  transfer_ = transfer;
}

void BackgroundConsole::close() {
  std::unique_lock lock(mutex_);
  const wire::Transfer transfer = transfer_;
  lock.unlock();
  transfer.cancel();
  lock.lock();
  closed_.wait(lock, [this] { return !open_; });
}

Result<void> BackgroundConsole::finish() {
  close();
  const std::lock_guard lock(mutex_);
  lines_.reconnected();
  LogSelection selection;
  selection.name = name_;
  selection.prefix = selection.timestamps = true;
  const auto rest = api_.logs(resumed(selection, lines_), [this](std::string_view chunk) {
    session_.out(lines_.feed(chunk));
    return true;
  });
  session_.out(lines_.finish());
  return rest;
}

}  // namespace unik::cli
