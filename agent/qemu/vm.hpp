// One VM under watch: from its start, or its adoption, until its process is gone.
//
// Belongs to the hypervisor's thread, which calls in when a tag is due. It turns what QEMU and the guest show (life
// records, first byte on the console, QMP, the end of the process) into VmStarted and a VmOutcome.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string_view>

#include "agent/ports.hpp"
#include "agent/qemu/guest_records.hpp"
#include "agent/qemu/instance_dir.hpp"
#include "agent/qemu/launch.hpp"
#include "agent/qemu/poller.hpp"
#include "agent/qemu/process.hpp"
#include "agent/qemu/qmp.hpp"
#include "agent/qemu/vm_outcome.hpp"

namespace unik::agent {

// A guest that writes more records than this between two looks loses the older ones: they are only read, never kept.
inline constexpr std::uint64_t kMaxRecordsBytes = 1 << 20;
inline constexpr std::size_t kConsoleTailBytes = 8 * 1024;
inline constexpr std::size_t kErrorTailBytes = 2 * 1024;

class Vm {
 public:
  // Which of its sources a tag means: `token * kSources + source`.
  enum class Source : std::uint8_t { kProcess, kQmp, kRecords, kConsole };
  static constexpr Poller::Tag kSources = 4;

  // Called when the app has started, and again when the first byte on the console came later than that.
  using Started = std::function<void(const VmStarted&)>;

  // `token` is given once ever. A launched VM knows when it was launched, an adopted one does not.
  Vm(std::uint64_t token, InstanceDir dir, RunFile run, Poller& poller, Started started, std::optional<Time> launched);
  ~Vm();  // the VM goes on
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  // Begins the watch, and takes in what has happened before it.
  void attach(StartedVm vm, Now now);
  // The same for a VM that outlived the agent which started it. False when the process that holds the lock could not be
  // recognised (yet).
  bool adopt(Now now);

  // A tag of this VM is due; for Source::kProcess call finish().
  void on_due(Source source, Now now);

  // The process is gone: takes its status and reads what it left. Also for a VM that ended while no agent was there.
  VmOutcome finish(Now now);

  // Carries out one step of a stop; a step that cannot be taken is left to the next, harder one.
  void stop(StopStep step);

  // Whether the guest has taken up a connection to `guest_port`: asked of QEMU (usernet.hpp). `answer` is called once;
  // nullopt: it cannot be told.
  using Accepted = std::function<void(std::optional<bool>)>;
  void ask_accepted(std::uint16_t guest_port, Accepted answer);

  // KVM has lost its way in this guest: QEMU stopped it for an internal error.
  bool internal_error() const { return internal_error_; }
  bool was_asked_to_stop() const { return killed_ || asked_; }
  bool has_started() const { return run_.started_at != WallTime{}; }
  bool is_attached() const { return static_cast<bool>(process_.pidfd); }
  void kill() const;

  const RunFile& run() const { return run_; }
  const InstanceDir& dir() const { return dir_; }
  std::uint64_t token() const { return token_; }
  pid_t pid() const { return process_.pid; }
  std::optional<Time> launched() const { return launched_; }

  VmStarted started_event() const;

 private:
  Poller::Tag tag(Source source) const { return token_ * kSources + static_cast<Poller::Tag>(source); }
  void begin_watch(Now now);
  void on_records(Now now);
  void on_console(Now now);
  void on_qmp(Now now);
  void on_message(const QmpMessage& message, Now now);
  void mark_started(Now now);
  void send_qmp(std::string_view command);
  void connect_qmp();
  void drop_qmp();
  void answer_question(std::optional<std::string_view> usernet);
  bool recognise();

  const std::uint64_t token_;
  InstanceDir dir_;
  RunFile run_;
  Poller& poller_;
  const Started started_;
  const std::optional<Time> launched_;

  Process process_;
  Fd qmp_;
  Fd control_;
  Fd records_;
  std::uint64_t records_read_ = 0;
  GuestRecordParser parser_;
  QmpSession session_;
  struct Question {
    std::uint16_t guest_port = 0;
    Accepted answer;
  };
  std::deque<Question> questions_;  // in the order in which QEMU answers
  bool shut_down_by_guest_ = false;
  bool reset_by_guest_ = false;
  bool internal_error_ = false;
  bool asked_ = false;
  bool killed_ = false;
};

}  // namespace unik::agent
