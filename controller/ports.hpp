// Everything that passes between the controller's loop and the world: Effects go out, Events come home.
//
// The loop never waits. `main` hands each Effect to the port that carries it out; what comes of it arrives later as an
// Event. Replies are held until what they say is durable. The simulator carries out the same Effects in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/messages.hpp"
#include "controller/core/admit.hpp"
#include "controller/core/builds.hpp"
#include "controller/core/plan.hpp"
#include "controller/core/recovery.hpp"
#include "controller/core/steer.hpp"

namespace unik::controller {

// Names one HTTP request that waits for its answer; given by the HTTP side, never used twice.
using RequestId = std::uint64_t;

// ---- Events
// ----------------------------------------------------------------------------------------------------------

// Who asks, and how the request is told from its repetition.
struct Caller {
  std::string actor;  // `cli`, later the credential's name
  std::string trace_id;
  std::string idempotency_key;  // empty: none was given
  std::uint64_t body_hash = 0;
};

using Mutation = std::variant<ApplyRequest, DeleteRequest, CordonRequest, DrainRequest, RolloutRequest, RecoverRequest,
                              QuarantineRequest, BuildRequest>;

struct MutationAsked {
  RequestId id = 0;
  Caller caller;
  Mutation mutation;
};
struct RegisterAsked {
  RequestId id = 0;
  std::string trace_id;
  RegisterRequest request;
};
struct HeartbeatArrived {
  RequestId id = 0;
  Report report;
};
// Somebody wants to read consoles. `session` is given by the HTTP side, never used twice.
struct LogsAsked {
  std::uint64_t session = 0;
  std::string tenant;
  std::string name;  // of an app or of an instance
  LogQuery query;
};
// The reader went away, or has everything.
struct LogsClosed {
  std::uint64_t session = 0;
};
// A node has begun or ended the push of one console.
struct LogPushBegan {
  std::string stream_id;
};
struct LogPushEnded {
  std::string stream_id;
};
// The answer to BeginBuild, unless EndBuild came first.
struct BuildEnded {
  OperationKey key;
  BuildOutcome outcome;
};
// A waiting request whose client went away.
struct RequestClosed {
  RequestId id = 0;
};

// What became of the commit of record `seq`.
struct Committed {
  std::uint64_t seq = 0;
};
struct Rejected {  // certainly not written
  std::uint64_t seq = 0;
  Error error;
};
struct CommitUnknown {  // the store must be opened anew to find out
  std::uint64_t seq = 0;
  Error error;
};
// The answer to ReopenStore: the last record that is there.
struct StoreReopened {
  std::uint64_t head = 0;
};
struct StoreStillClosed {
  Error error;
};

using Event =
    std::variant<MutationAsked, RegisterAsked, HeartbeatArrived, LogsAsked, LogsClosed, LogPushBegan, LogPushEnded,
                 BuildEnded, RequestClosed, Committed, Rejected, CommitUnknown, StoreReopened, StoreStillClosed>;

// ---- Effects
// ---------------------------------------------------------------------------------------------------------

// A HeartbeatReply with the goals that `node` has in `world`. They are composed when they are sent (`heartbeat_reply`,
// heartbeats.hpp): those of a whole fleet at once would take more memory than the World.
struct GoalsReply {
  HeartbeatReply rest;  // all but the goals
  Symbol node;
  std::shared_ptr<const World> world;
};

using Answer = std::variant<ApplyReply, RegisterReply, HeartbeatReply, GoalsReply, Error>;

struct Reply {
  RequestId id = 0;
  Answer answer;
};
// Journal. Answered by Committed, Rejected or CommitUnknown; one is under way at a time. `after` is the World that the
// record makes.
struct BeginCommit {
  std::shared_ptr<const Record> record;
  std::shared_ptr<const World> after;
};
struct ReopenStore {};
// The World that readers see from now on. `record` is what made it, absent when only reports moved.
struct PublishWorld {
  std::shared_ptr<const World> world;
  std::shared_ptr<const Record> record;
  std::vector<Reason> reasons;
};
// One more console will arrive for the session; `instance` is its short name.
struct ExpectLog {
  std::uint64_t session = 0;
  std::string stream_id;
  std::string instance;
};
// This console has not arrived in time, and is not waited for any more; unless a reader follows it (not `final`).
struct GiveUpLog {
  std::uint64_t session = 0;
  std::string stream_id;
  Error error;
  bool final = true;
};
// All that the session asked for has been named: it ends with the last of its streams.
struct EndLogs {
  std::uint64_t session = 0;
  std::optional<Error> error;
};

// Builder. One build is under way at a time; answered by BuildEnded, however it ends.
struct BeginBuild {
  OperationKey key;
  Shared<Operation> operation;
};
// Nobody wants the build any more: it is ended, and not answered. Nothing when it has ended already.
struct EndBuild {
  OperationKey key;
};

using Effect =
    std::variant<Reply, BeginCommit, ReopenStore, PublishWorld, ExpectLog, GiveUpLog, EndLogs, BeginBuild, EndBuild>;

struct Effects {
  std::vector<Effect> list;     // to be carried out in this order
  std::optional<Time> wake_at;  // turn again then at the latest, even if no event comes
};

}  // namespace unik::controller
