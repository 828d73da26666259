#include "paired.hpp"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "api/check.hpp"

extern char** environ;

namespace unik::bench {
namespace {

constexpr std::size_t kControlRuns = 5;
constexpr double kDisturbed = 1.6;        // of the calm ones' control
constexpr std::size_t kMostAttempts = 3;  // times the pairs that are wanted

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}
double seconds_of(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double usage_of(int who) {
  rusage usage{};
  UNIK_CHECK(::getrusage(who, &usage) == 0, "getrusage refused its own process");
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

// How long the kernel takes for what is always the same.
double control_seconds() {
  const double begun = wall_seconds();
  for (std::size_t i = 0; i < kControlRuns; ++i) {
    char name[] = "true";
    char* const argv[] = {name, nullptr};
    pid_t pid = 0;
    UNIK_CHECK(::posix_spawnp(&pid, name, nullptr, nullptr, argv, environ) == 0, "`true` cannot be run");
    int status = 0;
    ::waitpid(pid, &status, 0);
  }
  return wall_seconds() - begun;
}

// What the control takes when nobody disturbs it: a quarter of all were quicker.
double calm_control(std::vector<Pair> pairs) {
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.control_s < b.control_s; });
  return pairs[pairs.size() / 4].control_s;
}

std::size_t count_calm(const std::vector<Pair>& pairs) {
  const double limit = kDisturbed * calm_control(pairs);
  return static_cast<std::size_t>(
      std::count_if(pairs.begin(), pairs.end(), [limit](const Pair& pair) { return pair.control_s <= limit; }));
}

template <typename Value>
Spread spread_over(const Comparison& comparison, Value value) {
  std::vector<double> values;
  for (const Pair& pair : comparison.pairs) values.push_back(value(pair));
  return spread_of(std::move(values));
}

}  // namespace

Pairing::Pairing(std::size_t pairs, std::vector<pid_t> watched)
    : wanted_(std::max(pairs, std::size_t{1})), watched_(std::move(watched)) {}

Result<Comparison> Pairing::compare(const Work& peer, const Work& ours, const Work& before) const {
  const auto round = [&](const Work& work) -> Result<Spent> {
    if (Result<void> ready = before(); !ready) return ready.error();
    return measure(work);
  };
  for (const Work* const work : {&peer, &ours})
    if (const Result<Spent> warm = round(*work); !warm) return warm.error();
  std::vector<Pair> all;
  while (all.size() < wanted_ || (count_calm(all) < wanted_ && all.size() < kMostAttempts * wanted_)) {
    Pair pair;
    pair.control_s = control_seconds();
    const Result<Spent> first = round(peer);
    if (!first) return first.error();
    const Result<Spent> second = round(ours);
    if (!second) return second.error();
    pair.control_s += control_seconds();
    pair.peer = *first;
    pair.ours = *second;
    all.push_back(pair);
  }
  Comparison comparison;
  comparison.disturbed = count_calm(all) < wanted_;
  const std::size_t kept = std::max(count_calm(all), wanted_);
  std::stable_sort(all.begin(), all.end(), [](const Pair& a, const Pair& b) { return a.control_s < b.control_s; });
  comparison.dropped = all.size() - kept;
  all.resize(kept);
  comparison.pairs = std::move(all);
  return comparison;
}

Result<Spent> Pairing::measure(const Work& work) const {
  const double cpu = cpu_seconds();
  const double wall = wall_seconds();
  if (Result<void> done = work(); !done) return done.error();
  return Spent{wall_seconds() - wall, cpu_seconds() - cpu};
}

double Pairing::cpu_seconds() const {
  double sum = usage_of(RUSAGE_SELF) + usage_of(RUSAGE_CHILDREN);
  for (const pid_t pid : watched_) sum += cpu_seconds_of(pid);
  return sum;
}

Spread spread_of(std::vector<double> values) {
  UNIK_CHECK(!values.empty(), "a spread of nothing");
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

Spread ours_wall(const Comparison& comparison) {
  return spread_over(comparison, [](const Pair& pair) { return pair.ours.wall_s; });
}
Spread peer_wall(const Comparison& comparison) {
  return spread_over(comparison, [](const Pair& pair) { return pair.peer.wall_s; });
}
Spread ours_cpu(const Comparison& comparison) {
  return spread_over(comparison, [](const Pair& pair) { return pair.ours.cpu_s; });
}
Spread wall_ratio(const Comparison& comparison) {
  return spread_over(comparison, [](const Pair& pair) { return pair.ours.wall_s / pair.peer.wall_s; });
}
Spread cpu_ratio(const Comparison& comparison) {
  return spread_over(comparison, [](const Pair& pair) { return pair.ours.cpu_s / pair.peer.cpu_s; });
}
Spread wall_difference(const Comparison& comparison) {
  return spread_over(comparison, [](const Pair& pair) { return pair.ours.wall_s - pair.peer.wall_s; });
}

double cpu_seconds_of(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  UNIK_CHECK(::clock_getcpuclockid(pid, &clock) == 0 && ::clock_gettime(clock, &time) == 0, "no such process");
  return seconds_of(time);
}

double wall_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return seconds_of(time);
}

}  // namespace unik::bench
