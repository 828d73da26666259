// Everything that passes between the agent's loop and the world: Effects go out, Events come home.
//
// The loop (loop.hpp) returns Effects as values and never waits. `main` hands each Effect to the port that carries it
// out; a port never blocks the loop and never calls it back: whatever comes of an Effect arrives later as an Event. The
// simulator carries out the same Effects in memory. An Effect may be lost in a crash at any point, so each one can be
// asked for again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "api/messages.hpp"

namespace unik::agent {

// ---- What is durable: one record a node -----------------------------------------------------------------------------

// What the agent must remember of an instance beyond its goal.
struct InstanceRecord {
  std::uint32_t restarts = 0;
  std::optional<Exit> last_exit;
  bool ended = false;        // by its restart policy it is not started again
  std::string ended_reason;  // empty for an app that ended by itself; else why it cannot run, as in InstanceStatus
  std::string ended_message = {};  // for people: how it ended
  std::string address;             // its own in 127/8, kept over restarts
  BootTimes boot;                  // of its run `boot_run`
  std::uint32_t boot_run = 0;

  bool operator==(const InstanceRecord&) const = default;
};

// Which host port an automatic publication was given, so that it keeps it.
struct PortRecord {
  AppName app;
  std::string port_name;
  std::uint16_t host_port = 0;

  bool operator==(const PortRecord&) const = default;
};

// Written as a whole, atomically and durably, before anything is done about new goals.
struct NodeRecord {
  std::uint64_t agent_start = 0;
  Goals goals;
  std::map<InstanceId, InstanceRecord> instances;
  std::vector<PortRecord> ports;

  bool operator==(const NodeRecord&) const = default;
};

// ---- Effects --------------------------------------------------------------------------------------------------------

// Record. Answered by RecordSaved with the same `version`; versions grow, and a later one replaces an earlier one.
struct SaveRecord {
  std::uint64_t version = 0;
  NodeRecord record;
};

// ControllerLink. Register is answered by Registered or LinkFailed; a heartbeat by HeartbeatAnswered or LinkFailed.
struct SendRegister {
  std::uint64_t agent_start = 0;
};
struct SendHeartbeat {
  Report report;
};
// Starts pushing a console to the controller; nothing comes back, the stream reports its own end there.
struct PushLog {
  LogRequest request;
};

// An image as it is wanted for a boot: with a signature by one of `trusted_keys`, where there are any (base64 lines).
struct WantedImage {
  std::string image;  // `NAME@sha256:HEX`
  std::vector<std::string> trusted_keys = {};

  auto operator<=>(const WantedImage&) const = default;
};

// ImageStore. Answered by ImageReady or ImageFailed, about the same.
struct FetchImage {
  WantedImage wanted;
  std::set<std::string> needed{};  // the images of all goals: where room is short, others go
};

// Hypervisor. Launch is answered by VmStarted then VmEnded, or by VmEnded alone. Asking for what has already happened
// is answered by the event that says so.
struct LaunchVm {
  InstanceId id;
  BootSpec boot;
  std::string address;
  std::uint32_t run = 0;  // how many runs of this id came before: events of an earlier run are told apart by it
};
// The controller has confirmed this node's goals, by a heartbeat that was sent at `sent`: no strict singleton of the
// node is ended by its guard before `sent` + kStrictLease. A VM whose boot says `strict` is started with a guard that
// ends it when that time has come, also where no agent is left.
struct KeepLease {
  Time sent;
};
enum class StopStep : std::uint8_t {
  kAsk,   // the guest's init passes SIGTERM on to the app
  kQuit,  // QMP quit
  kKill,  // SIGKILL to the process group
};
struct StopVm {
  InstanceId id;
  StopStep step = StopStep::kAsk;
};
// Removes what is left of an instance that has no VM: its directory and console, after the log was given time to be
// read. Answered by nothing; a repeated one is harmless.
struct ForgetVm {
  InstanceId id;
};

// HostNetwork. One probe of one instance; answered by ProbeDone with the same `probe`.
struct ProbeHealth {
  InstanceId id;
  std::uint64_t probe = 0;
  std::string address;
  HealthCheck check;
};
// The forwarder's whole table: answered by Published with the same `version`.
struct Backend {
  InstanceId id;
  std::string address;
  std::uint16_t port = 0;  // its own: instances of two templates may serve one publication on different ones

  bool operator==(const Backend&) const = default;
};
struct Route {
  AppName app;
  Publication publication;  // `host_port` absent: pick a free one
  std::vector<Backend> backends;

  bool operator==(const Route&) const = default;
};
struct Publish {
  std::uint64_t version = 0;
  std::vector<Route> routes;
};

using Effect = std::variant<SaveRecord, SendRegister, SendHeartbeat, PushLog, FetchImage, KeepLease, LaunchVm, StopVm,
                            ForgetVm, ProbeHealth, Publish>;

// For the log: what was decided and why, and whose request it goes back to, where that is known.
struct Note {
  std::string text;
  std::string trace_id;

  bool operator==(const Note&) const = default;
};

struct Effects {
  std::vector<Effect> list;  // to be carried out in this order
  std::vector<Note> notes;
  std::optional<Time> wake_at;  // turn again then at the latest, even if no event comes
};

// ---- Events ---------------------------------------------------------------------------------------------------------

struct RecordSaved {
  std::uint64_t version = 0;
};
// The record could not be written (disk full, I/O error). The loop goes on with the record before and tries again.
struct RecordFailed {
  std::uint64_t version = 0;
  Error error;
};

struct Registered {
  RegisterReply reply;
};
struct HeartbeatAnswered {
  std::uint64_t seq = 0;
  HeartbeatReply reply;
};
// A register or heartbeat that got no answer. `seq` is 0 for a register.
struct LinkFailed {
  std::uint64_t seq = 0;
  Error error;
};

struct ImageReady {
  WantedImage wanted;
  Duration fetch{};
  Duration prepare{};
};
struct ImageFailed {
  WantedImage wanted;
  Error error;  // retryable or not by its code
};

// The guest's init has started the app. It comes again, otherwise the same, with the console's first byte when that is
// later.
struct VmStarted {
  InstanceId id;
  std::uint32_t run = 0;
  WallTime at;
  std::string accelerator;
  Duration start{};
  Duration first_byte{};
};
// No process of this run is left. `exit` says how the app ended; absent when the VM could not be started at all, and
// `error` then says why: `invalid` means never, anything else is tried again.
struct VmEnded {
  InstanceId id;
  std::uint32_t run = 0;
  std::optional<Exit> exit;
  std::optional<Error> error;
};

// Comes first, once, when the agent starts: whatever outlived the agent before, one for each id that has left anything
// on the node: VMs running or ended in the meantime. The Hypervisor goes on watching a running one, so that VmStarted
// (where `started_at` is still the epoch) and VmEnded follow as for one just launched.
struct AdoptedVm {
  InstanceId id;
  std::uint32_t run = 0;
  bool running = false;
  std::string address;
  std::string accelerator;
  WallTime started_at{};  // the epoch: the guest's init has not started the app yet
  BootTimes boot;
  std::optional<Exit> exit;  // when not running, and known

  bool operator==(const AdoptedVm&) const = default;
};
struct Inventory {
  NodeRecord record;  // as last saved; default for a new node
  std::vector<AdoptedVm> vms;
  std::vector<std::string> images;  // ready to boot
};

struct ProbeDone {
  InstanceId id;
  std::uint64_t probe = 0;
  bool passed = false;
  std::string detail;  // `GET / answered 503`, `connection refused`
};
struct Published {
  std::uint64_t version = 0;
  std::vector<ObservedPublication> publications;
  std::set<std::string> leaving{};  // addresses that no route names any more, with something in flight
};

// What the node's VMs use by the host's own measure. It may come at any time and is told with the next report.
struct Measured {
  Resources used;
};

// The process was asked to end. VMs and published ports stay. The effects of the turn that takes it are the last: a
// final save and heartbeat; whatever comes later is dropped.
struct ShutdownAsked {};

using Event = std::variant<RecordSaved, RecordFailed, Registered, HeartbeatAnswered, LinkFailed, ImageReady,
                           ImageFailed, VmStarted, VmEnded, Inventory, ProbeDone, Published, Measured, ShutdownAsked>;

}  // namespace unik::agent
