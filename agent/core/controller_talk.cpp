#include "agent/core/controller_talk.hpp"

#include <algorithm>

#include "api/backoff.hpp"

namespace unik::agent {
namespace {

bool says_something(const HeartbeatReply& reply) {
  return reply.goals || reply.want_body || reply.want_register || !reply.logs.empty();
}

}  // namespace

void ControllerTalk::open(Time now) {
  if (phase_ != Phase::kClosed) return;
  phase_ = Phase::kToRegister;
  register_at_ = now;
}

void ControllerTalk::registered(const RegisterReply& reply, Time now) {
  if (phase_ != Phase::kRegistering) return;
  phase_ = Phase::kOpen;
  ever_registered_ = true;
  failures_ = 0;
  not_before_ = now;
  regular_at_ = now;
  whole_next_ = true;
  next_in_ = std::clamp(reply.heartbeat_every, kLeastNextIn, kMostNextIn);
}

bool ControllerTalk::begin_again(bool later_is_silent, Time now) {
  if (phase_ != Phase::kRegistering) return false;
  if (ever_registered_ && !later_is_silent) return stand_aside(now), false;
  phase_ = Phase::kClosed;
  return true;
}

bool ControllerTalk::begin_anew(std::uint64_t seq) {
  if (phase_ != Phase::kOpen || seq != seq_) return false;
  phase_ = Phase::kClosed;
  outstanding_.clear();
  return true;
}

void ControllerTalk::superseded(Time now) {
  if (phase_ == Phase::kOpen) stand_aside(now);
}

void ControllerTalk::refused(Time now) {
  if (phase_ == Phase::kRegistering) stand_aside(now);
}

std::optional<ControllerTalk::Confirmed> ControllerTalk::answered(std::uint64_t seq, const HeartbeatReply& reply,
                                                                  Time now) {
  const auto found = outstanding_.find(seq);
  if (found == outstanding_.end()) return std::nullopt;
  Confirmed confirmed{found->second.sent, std::nullopt};
  if (const auto renewing = outstanding_.find(reply.renew); renewing != outstanding_.end())
    confirmed.renewed = renewing->second.sent;
  outstanding_.erase(found);
  failures_ = 0;
  not_before_ = now;
  next_in_ = std::clamp(reply.next_in, kLeastNextIn, kMostNextIn);
  regular_at_ = last_sent_ + next_in_;
  const bool is_one_parked = !outstanding_.empty();
  if (says_something(reply) || !is_one_parked)
    regular_at_ = std::min(regular_at_, std::max(now, last_sent_ + kParkAgain));
  if (reply.want_body) whole_next_ = true;
  if (reply.want_register && phase_ == Phase::kOpen) {
    phase_ = Phase::kToRegister;
    register_at_ = std::max(now, register_at_ + kParkAgain);
  }
  return confirmed;
}

void ControllerTalk::failed(std::uint64_t seq, Time now) {
  if (seq == 0) {
    if (phase_ != Phase::kRegistering) return;
    phase_ = Phase::kToRegister;
    wait_after_failure(now);
    register_at_ = not_before_;
    return;
  }
  const auto found = outstanding_.find(seq);
  if (found == outstanding_.end()) return;
  if (found->second.whole) whole_next_ = true;  // its body may not have arrived
  outstanding_.erase(found);
  if (seq != seq_) return;  // a newer one is on its way and will tell
  wait_after_failure(now);
  regular_at_ = not_before_;
}

void ControllerTalk::expire(Time now) {
  if (phase_ == Phase::kRegistering && now >= register_at_ + kAnswerWait) failed(0, now);
  while (!outstanding_.empty() && now >= outstanding_.begin()->second.sent + kAnswerWait)
    failed(outstanding_.begin()->first, now);
}

bool ControllerTalk::is_register_due(Time now) const {
  return phase_ == Phase::kToRegister && now >= register_at_;
}

void ControllerTalk::register_sent(Time now) {
  phase_ = Phase::kRegistering;
  register_at_ = now;
}

bool ControllerTalk::is_heartbeat_due(Time now) const {
  return phase_ == Phase::kOpen && outstanding_.size() < kMostOutstanding && now >= heartbeat_at();
}

ControllerTalk::Heartbeat ControllerTalk::heartbeat_sent(std::uint64_t digest, Time now) {
  seq_ += 1;
  const bool whole = whole_next_ || sent_digest_ != digest || now - whole_at_ >= kWholeEvery;
  outstanding_.emplace(seq_, Outstanding{now, whole});
  if (whole) whole_at_ = now;
  sent_digest_ = digest;
  whole_next_ = false;
  news_ = false;
  last_sent_ = now;
  regular_at_ = now + next_in_;
  return {seq_, whole};
}

std::optional<Time> ControllerTalk::wake_at() const {
  std::optional<Time> at;
  if (!outstanding_.empty()) at = outstanding_.begin()->second.sent + kAnswerWait;
  switch (phase_) {
    case Phase::kClosed:
      return std::nullopt;
    case Phase::kToRegister:
      return at ? std::min(*at, register_at_) : register_at_;
    case Phase::kRegistering:
      return at ? std::min(*at, register_at_ + kAnswerWait) : register_at_ + kAnswerWait;
    case Phase::kOpen:
      if (outstanding_.size() >= kMostOutstanding) return at;
      return at ? std::min(*at, heartbeat_at()) : heartbeat_at();
  }
  return at;
}

Time ControllerTalk::heartbeat_at() const {
  const Time wanted = news_ ? std::min(regular_at_, last_sent_ + kCoalesceNews) : regular_at_;
  return std::max(wanted, not_before_);
}

void ControllerTalk::stand_aside(Time now) {
  phase_ = Phase::kToRegister;
  outstanding_.clear();
  failures_ = 0;
  register_at_ = now + backoff_delay(kAskAgain, kAskAgain, 1, node_);
}

void ControllerTalk::wait_after_failure(Time now) {
  failures_ += 1;
  not_before_ = now + backoff_delay(kLinkBackoff, kLinkMaxBackoff, failures_, node_);
}

}  // namespace unik::agent
