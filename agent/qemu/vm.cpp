#include "agent/qemu/vm.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "agent/forward/backlog.hpp"
#include "agent/qemu/command_line.hpp"
#include "agent/qemu/usernet.hpp"
#include "api/guest.h"
#include "wire/log.hpp"

namespace unik::agent {
namespace {

constexpr int kLastQmpReads = 16;  // what a dead QEMU may have left in its socket
constexpr std::string_view kCapabilities = "capabilities", kUsernet = "usernet";
constexpr std::size_t kMaxQuestions = 64;  // unanswered ones of one VM
constexpr std::string_view kStopLine = UNIK_GUEST_COMMAND_STOP "\n";

void warn(std::string_view message, const InstanceId& id, const Error& error) {
  wire::log(wire::LogLevel::kWarning, "qemu", message, {{"instance", to_string(id)}, {"error", to_string(error)}});
}

bool send_line(const Fd& fd, std::string_view line) {
  return fd && send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
}

}  // namespace

Vm::Vm(std::uint64_t token, InstanceDir dir, RunFile run, Poller& poller, Started started, std::optional<Time> launched)
    : token_(token),
      dir_(std::move(dir)),
      run_(std::move(run)),
      poller_(poller),
      started_(std::move(started)),
      launched_(launched) {}

Vm::~Vm() {
  while (!questions_.empty()) answer_question(std::nullopt);
  poller_.unwatch(tag(Source::kRecords));
  poller_.unwatch(tag(Source::kConsole));
}

void Vm::attach(StartedVm vm, Now now) {
  process_ = std::move(vm.process);
  records_ = std::move(vm.records);
  run_.start_ticks = process_start_ticks(process_.pid);
  (void)dir_.write_run(run_);  // the lock and the name prove as much; the start time only adds to them
  if (vm.qmp) {
    qmp_ = std::move(vm.qmp);
    poller_.add(qmp_, tag(Source::kQmp));
    send_qmp(qmp_command("qmp_capabilities", kCapabilities));
  }
  begin_watch(now);
}

bool Vm::adopt(Now now) {
  if (!recognise()) return false;
  connect_qmp();
  begin_watch(now);
  return true;
}

// The lock says that a VM of this instance lives; this finds out which process it is. A pid alone proves nothing, since
// it may have been given again.
bool Vm::recognise() {
  const pid_t pid = dir_.read_pid();
  if (pid == 0) return false;
  Process process{pid, open_pidfd(pid)};
  if (!process.pidfd) return false;
  const std::vector<std::string> arguments = process_arguments(pid);
  const auto name = std::find(arguments.begin(), arguments.end(), "-name");
  if (name == arguments.end() || name + 1 == arguments.end()) return false;
  if (*(name + 1) != escape_option(vm_name(run_.id, run_.run))) return false;
  if (run_.start_ticks != 0 && process_start_ticks(pid) != run_.start_ticks) return false;
  process_ = std::move(process);
  return true;
}

void Vm::begin_watch(Now now) {
  poller_.add(process_.pidfd, tag(Source::kProcess));
  if (run_.own_kernel) {
    if (!poller_.watch(dir_.file(kRecordsFile), tag(Source::kRecords)))
      warn("cannot watch a guest's records", run_.id, unavailable("poller", "raise fs.inotify.max_user_watches"));
    on_records(now);
  }
  if (launched_ && run_.first_byte == Duration::zero()) {
    poller_.watch(dir_.file(kConsoleFile), tag(Source::kConsole));
    on_console(now);
  }
}

void Vm::on_due(Source source, Now now) {
  switch (source) {
    case Source::kProcess:
      return;
    case Source::kQmp:
      return on_qmp(now);
    case Source::kRecords:
      return on_records(now);
    case Source::kConsole:
      return on_console(now);
  }
}

void Vm::on_records(Now now) {
  if (!records_) records_ = Fd(open(dir_.file(kRecordsFile).c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
  if (!records_) return;
  std::array<char, 4096> buffer;
  bool changed = false;
  for (;;) {
    const ssize_t n = pread(records_.get(), buffer.data(), buffer.size(), static_cast<off_t>(records_read_));
    if (n <= 0) break;
    records_read_ += static_cast<std::uint64_t>(n);
    changed = parser_.feed({buffer.data(), static_cast<std::size_t>(n)}) || changed;
    if (records_read_ > kMaxRecordsBytes) {
      // QEMU appends, so it goes on at the new end; what we have understood we keep.
      (void)!ftruncate(records_.get(), 0);
      records_read_ = 0;
      break;
    }
  }
  if (changed && parser_.records().started && !has_started()) mark_started(now);
}

void Vm::mark_started(Now now) {
  run_.started_at = now.wall;
  if (launched_) run_.start = now.boot - *launched_;
  (void)dir_.write_run(run_);
  started_(started_event());
}

void Vm::on_console(Now now) {
  if (!launched_ || run_.first_byte > Duration::zero()) return;
  if (dir_.size_of(kConsoleFile) <= run_.console_begin) return;
  run_.first_byte = now.boot - *launched_;
  poller_.unwatch(tag(Source::kConsole));
  (void)dir_.write_run(run_);
  if (has_started()) started_(started_event());
}

VmStarted Vm::started_event() const {
  return {run_.id, run_.run, run_.started_at, std::string(to_string(run_.accelerator)), run_.start, run_.first_byte};
}

void Vm::on_qmp(Now now) {
  std::array<char, 4096> buffer;
  const ssize_t n = recv(qmp_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop_qmp();
  const Result<std::vector<QmpMessage>> messages = session_.feed({buffer.data(), static_cast<std::size_t>(n)});
  if (!messages.ok()) {
    warn("QEMU's monitor speaks nonsense; closing it", run_.id, messages.error());
    return drop_qmp();
  }
  for (const QmpMessage& message : *messages) on_message(message, now);
}

void Vm::on_message(const QmpMessage& message, Now now) {
  const auto* answer = std::get_if<QmpReturn>(&message);
  // The greeting may come from a thread of its own before the machine is built; the first answer comes after.
  if (answer != nullptr && answer->id == kCapabilities && !run_.machine_up) {
    run_.machine_up = true;
    // Now the forwarded ports listen, but with room for one waiting connection.
    for (const PortForward& forward : run_.forwards)
      if (Result<void> widened = widen_backlog(process_.pid, run_.address, forward.host_port); !widened.ok())
        warn("cannot widen a forwarded port's queue", run_.id, widened.error());
    if (run_.own_kernel) {
      (void)dir_.write_run(run_);
    } else if (!has_started()) {
      mark_started(now);  // nobody inside tells us more
    }
  }
  if (const auto* event = std::get_if<QmpEvent>(&message)) {
    if (event->name == "SHUTDOWN" && event->by_guest)
      (event->reason == "guest-reset" ? reset_by_guest_ : shut_down_by_guest_) = true;
    // A VM that nobody paused has stopped: ask why.
    if (event->name == "STOP") send_qmp(qmp_command("query-status", "status"));
  }
  if (answer != nullptr && answer->status == "internal-error") internal_error_ = true;
  if (answer != nullptr && answer->id == kUsernet) answer_question(answer->text);
  const auto* failure = std::get_if<QmpFailure>(&message);
  if (failure != nullptr && failure->id == kUsernet) answer_question(std::nullopt);
}

void Vm::ask_accepted(std::uint16_t guest_port, Accepted answer) {
  if (questions_.size() >= kMaxQuestions) return answer(std::nullopt);
  if (!qmp_) connect_qmp();
  if (!qmp_) return answer(std::nullopt);
  questions_.push_back({guest_port, std::move(answer)});
  send_qmp(qmp_monitor_command("info usernet", kUsernet));
}

void Vm::answer_question(std::optional<std::string_view> usernet) {
  if (questions_.empty()) return;
  const Question question = std::move(questions_.front());
  questions_.pop_front();
  question.answer(usernet ? std::optional(guest_accepted(*usernet, question.guest_port)) : std::nullopt);
}

VmOutcome Vm::finish(Now now) {
  VmTrace trace;
  if (process_.pidfd) trace.process = reap(process_.pidfd);
  for (int reads = 0; qmp_ && reads < kLastQmpReads; ++reads) on_qmp(now);
  drop_qmp();
  on_records(now);
  on_console(now);
  trace.own_kernel = run_.own_kernel;
  trace.records = parser_.records();
  trace.machine_up = run_.machine_up;
  trace.shut_down_by_guest = shut_down_by_guest_;
  trace.reset_by_guest = reset_by_guest_;
  trace.killed = killed_;
  trace.console_tail = dir_.tail(kConsoleFile, kConsoleTailBytes, run_.console_begin);
  trace.stderr_tail = dir_.tail(kQemuLog, kErrorTailBytes);
  while (!trace.stderr_tail.empty() && trace.stderr_tail.back() == '\n') trace.stderr_tail.pop_back();
  if (process_.pidfd) poller_.remove(process_.pidfd);
  return outcome_of(trace);
}

void Vm::stop(StopStep step) {
  switch (step) {
    case StopStep::kAsk:
      asked_ = true;
      if (!run_.own_kernel) return send_qmp(qmp_command("system_powerdown", "powerdown"));
      // Its answers stay unread: a guest that floods the port only blocks itself.
      if (!control_)
        if (Result<Fd> connected = dir_.connect(kControlSocket); connected.ok()) control_ = std::move(*connected);
      if (!send_line(control_, kStopLine)) control_.reset();
      return;
    case StopStep::kQuit:
      killed_ = true;
      return send_qmp(qmp_command("quit", "quit"));
    case StopStep::kKill:
      killed_ = true;
      return kill();
  }
}

void Vm::kill() const {
  if (process_.pidfd) kill_process(process_.pidfd);
}

void Vm::send_qmp(std::string_view command) {
  if (!qmp_) connect_qmp();
  if (qmp_ && !send_line(qmp_, command)) drop_qmp();
}

void Vm::connect_qmp() {
  Result<Fd> connected = dir_.connect(kQmpSocket);
  if (!connected.ok()) return;
  qmp_ = std::move(*connected);
  session_ = QmpSession();
  poller_.add(qmp_, tag(Source::kQmp));
  if (!send_line(qmp_, qmp_command("qmp_capabilities", kCapabilities))) drop_qmp();
}

void Vm::drop_qmp() {
  while (!questions_.empty()) answer_question(std::nullopt);
  if (!qmp_) return;
  poller_.remove(qmp_);
  qmp_.reset();
}

}  // namespace unik::agent
