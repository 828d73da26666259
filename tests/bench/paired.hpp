// Measures two pieces of work in turn on a machine that others use too.
//
// The peer and ours run as A B A B; what is claimed is the median of the ratios of neighbours, which were disturbed
// alike, and never a single time. Before and after each pair a control runs: a fixed piece of work of the kernel (fork
// and exec) that is the same for everybody. A pair whose control took much longer than the others' is dropped and
// another one taken, within a bound.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "api/result.hpp"

namespace unik::bench {

inline constexpr std::size_t kLeastPairs = 9;

struct Spent {
  double wall_s = 0;
  double cpu_s = 0;  // of this process with its threads and ended children, and of the processes that are watched
};

// Does the work once; an Error says why it could not.
using Work = std::function<Result<void>()>;

struct Pair {
  Spent peer;
  Spent ours;
  double control_s = 0;
};

struct Comparison {
  std::vector<Pair> pairs;  // those that count
  std::size_t dropped = 0;  // disturbed, by their control
  bool disturbed = false;   // too few were calm within the bound: the calmest ones are taken
};

struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};
Spread spread_of(std::vector<double> values);

Spread ours_wall(const Comparison& comparison);
Spread peer_wall(const Comparison& comparison);
Spread ours_cpu(const Comparison& comparison);
Spread wall_ratio(const Comparison& comparison);  // ours over the peer's, pair by pair
Spread cpu_ratio(const Comparison& comparison);
Spread wall_difference(const Comparison& comparison);  // ours less the peer's, pair by pair, in seconds

class Pairing {
 public:
  // `watched` are running processes, not our children, whose CPU time counts as well.
  explicit Pairing(std::size_t pairs = kLeastPairs, std::vector<pid_t> watched = {});

  // After one round of each that is not counted. `before` runs before each round of either and is not measured.
  Result<Comparison> compare(const Work& peer, const Work& ours, const Work& before = nothing) const;

 private:
  static Result<void> nothing() { return {}; }
  Result<Spent> measure(const Work& work) const;
  double cpu_seconds() const;

  std::size_t wanted_;
  std::vector<pid_t> watched_;
};

// CPU time of a whole process, running or ended but not waited for.
double cpu_seconds_of(pid_t pid);

// Monotonic.
double wall_seconds();

}  // namespace unik::bench
