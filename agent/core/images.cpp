#include "agent/core/images.hpp"

#include "agent/core/timers.hpp"
#include "api/backoff.hpp"

namespace unik::agent {

bool Images::is_ready(const WantedImage& wanted) const {
  return ready_.contains(wanted);
}

void Images::set_ready(const std::string& image) {
  ready_.insert(WantedImage{image, {}});
}

void Images::doubt(const std::string& image) {
  std::erase_if(ready_, [&](const WantedImage& ready) { return ready.image == image; });
}

void Images::ask(const WantedImage& wanted, const std::optional<InstanceId>& waiter, Time now) {
  if (is_ready(wanted)) return;
  const auto [entry, added] = asked_.try_emplace(wanted);
  if (added) entry->second.fetch_at = now;
  if (waiter) entry->second.waiters.insert(*waiter);
}

std::vector<WantedImage> Images::take_due(Time now) {
  std::vector<WantedImage> due;
  for (auto& [wanted, asked] : asked_) {
    if (asked.in_flight || now < asked.fetch_at) continue;
    asked.in_flight = true;
    due.push_back(wanted);
  }
  return due;
}

std::set<InstanceId> Images::arrived(const WantedImage& wanted) {
  ready_.insert(wanted);
  const auto found = asked_.find(wanted);
  if (found == asked_.end()) return {};
  std::set<InstanceId> waiters = std::move(found->second.waiters);
  asked_.erase(found);
  return waiters;
}

std::set<InstanceId> Images::failed(const WantedImage& wanted, const Error& error, Time now) {
  const auto found = asked_.find(wanted);
  if (found == asked_.end()) return {};
  if (!traits(error.code).retryable) {
    std::set<InstanceId> waiters = std::move(found->second.waiters);
    asked_.erase(found);
    return waiters;
  }
  Asked& asked = found->second;
  asked.in_flight = false;
  asked.failures += 1;
  asked.fetch_at = now + backoff_delay(kFetchBackoff, kFetchMaxBackoff, asked.failures, wanted.image);
  return asked.waiters;
}

void Images::keep_only(const std::set<WantedImage>& wanted) {
  std::erase_if(ready_, [&](const WantedImage& ready) { return !wanted.contains(ready); });
  std::erase_if(asked_, [&](const auto& entry) { return !wanted.contains(entry.first); });
}

std::optional<Time> Images::wake_at() const {
  std::optional<Time> at;
  for (const auto& [image, asked] : asked_)
    if (!asked.in_flight) at = earlier(at, asked.fetch_at);
  return at;
}

}  // namespace unik::agent
