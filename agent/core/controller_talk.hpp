// When the agent speaks to its controller: register first, then heartbeats, of which one is always parked there.
//
// A heartbeat is sent every `next_in`, at once when there is news, and soon when none is parked; the controller answers
// the parked one when it has something to say or a newer one arrives. A link that fails is tried again after a growing
// wait, and no news hurries it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "api/messages.hpp"

namespace unik::agent {

inline constexpr Duration kCoalesceNews = std::chrono::milliseconds(20);  // between two heartbeats, at the least
inline constexpr Duration kParkAgain = std::chrono::milliseconds(500);    // between two of which the first was not kept
inline constexpr Duration kWholeEvery = std::chrono::minutes(1);          // a body is sent so often even if unchanged
inline constexpr Duration kAnswerWait = std::chrono::seconds(90);         // then a message counts as lost
inline constexpr Duration kLeastNextIn = std::chrono::milliseconds(100);  // bounds of what a controller may ask for
inline constexpr Duration kMostNextIn = std::chrono::minutes(5);
inline constexpr Duration kLinkBackoff = std::chrono::seconds(1);
// Short, since a strict singleton's lease may be about to end: the controller spreads those that come back.
inline constexpr Duration kLinkMaxBackoff = std::chrono::seconds(5);
inline constexpr Duration kAskAgain = std::chrono::seconds(5);  // while another agent has the node's name
inline constexpr std::size_t kMostOutstanding = 2;              // one parked, and the newer one that releases it

class ControllerTalk {
 public:
  explicit ControllerTalk(std::string node) : node_(std::move(node)) {}

  // This start of the agent is on record: the controller may hear of it.
  void open(Time now);
  // The body or the accepted stamp has changed.
  void hurry() { news_ = true; }

  void registered(const RegisterReply& reply, Time now);
  // The controller knows a later start. Whether this one may begin again above it: one that was never registered, or
  // where the later one is silent, since of two agents under one name the older must stay away. It then waits for
  // `open`, else it asks again later.
  bool begin_again(bool later_is_silent, Time now);
  // Another agent has registered under this node's name: this one asks now and then whether that one is still there.
  void superseded(Time now);
  // The node's name is another agent's: this one asks now and then whether it has become free.
  void refused(Time now);
  // The controller has heard a newer report under this very start, and `seq` is our newest: a life before this one had
  // the same number, as after a record was put back. Then this one must begin again; it waits for `open`.
  bool begin_anew(std::uint64_t seq);
  // What an answer confirms, in the times at which heartbeats were sent.
  struct Confirmed {
    Time heard{};                 // the one that is answered
    std::optional<Time> renewed;  // the one that renews the leases
  };
  // None when nobody waits for that heartbeat's answer any more.
  std::optional<Confirmed> answered(std::uint64_t seq, const HeartbeatReply& reply, Time now);
  // `seq` 0: the register.
  void failed(std::uint64_t seq, Time now);
  // Gives up what has waited too long for an answer.
  void expire(Time now);

  bool is_register_due(Time now) const;
  void register_sent(Time now);

  bool is_registered() const { return phase_ == Phase::kOpen; }
  bool is_heartbeat_due(Time now) const;
  struct Heartbeat {
    std::uint64_t seq = 0;
    bool whole = false;  // with its body
  };
  Heartbeat heartbeat_sent(std::uint64_t digest, Time now);

  std::optional<Time> wake_at() const;

 private:
  enum class Phase : std::uint8_t { kClosed, kToRegister, kRegistering, kOpen };
  struct Outstanding {
    Time sent{};
    bool whole = false;
  };

  Time heartbeat_at() const;
  void stand_aside(Time now);
  void wait_after_failure(Time now);

  std::string node_;
  Phase phase_ = Phase::kClosed;
  Time register_at_{};  // when to send it; while registering, when it was sent
  Time not_before_{};   // the link has failed: no heartbeat before
  Time regular_at_{};   // the next heartbeat if there is no news
  Time last_sent_{};    // the last heartbeat
  Time whole_at_{};     // the last body
  bool ever_registered_ = false;
  bool news_ = false;
  bool whole_next_ = false;
  std::uint64_t seq_ = 0;
  std::uint32_t failures_ = 0;
  Duration next_in_ = std::chrono::seconds(10);
  std::map<std::uint64_t, Outstanding> outstanding_;  // by seq
  std::optional<std::uint64_t> sent_digest_;          // of the last heartbeat
};

}  // namespace unik::agent
