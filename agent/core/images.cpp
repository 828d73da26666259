#include "agent/core/images.hpp"

#include "agent/core/timers.hpp"
#include "api/backoff.hpp"

namespace unik::agent {

bool Images::is_ready(const std::string& image) const {
  return ready_.contains(image);
}

void Images::set_ready(const std::string& image) {
  ready_.insert(image);
}

void Images::doubt(const std::string& image) {
  ready_.erase(image);
}

void Images::ask(const std::string& image, const std::optional<InstanceId>& waiter, Time now) {
  if (is_ready(image)) return;
  const auto [entry, added] = asked_.try_emplace(image);
  if (added) entry->second.fetch_at = now;
  if (waiter) entry->second.waiters.insert(*waiter);
}

std::vector<std::string> Images::take_due(Time now) {
  std::vector<std::string> due;
  for (auto& [image, asked] : asked_) {
    if (asked.in_flight || now < asked.fetch_at) continue;
    asked.in_flight = true;
    due.push_back(image);
  }
  return due;
}

std::set<InstanceId> Images::arrived(const std::string& image) {
  ready_.insert(image);
  const auto found = asked_.find(image);
  if (found == asked_.end()) return {};
  std::set<InstanceId> waiters = std::move(found->second.waiters);
  asked_.erase(found);
  return waiters;
}

std::set<InstanceId> Images::failed(const std::string& image, const Error& error, Time now) {
  const auto found = asked_.find(image);
  if (found == asked_.end()) return {};
  if (!traits(error.code).retryable) {
    std::set<InstanceId> waiters = std::move(found->second.waiters);
    asked_.erase(found);
    return waiters;
  }
  Asked& asked = found->second;
  asked.in_flight = false;
  asked.failures += 1;
  asked.fetch_at = now + backoff_delay(kFetchBackoff, kFetchMaxBackoff, asked.failures, image);
  return asked.waiters;
}

void Images::keep_only(const std::set<std::string>& wanted) {
  std::erase_if(ready_, [&](const std::string& image) { return !wanted.contains(image); });
  std::erase_if(asked_, [&](const auto& entry) { return !wanted.contains(entry.first); });
}

std::optional<Time> Images::wake_at() const {
  std::optional<Time> at;
  for (const auto& [image, asked] : asked_)
    if (!asked.in_flight) at = earlier(at, asked.fetch_at);
  return at;
}

}  // namespace unik::agent
