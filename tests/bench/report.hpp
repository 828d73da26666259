// What a benchmark found: figures beside their targets, as one line of JSON.
//
// A figure's `target` is what the product wants to reach, and is reported; its `bound` is a generous ratio that each
// change must keep, and with `--check` a broken one fails the program. Times have no bound, since the machine is not
// ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "paired.hpp"

namespace unik::bench {

enum class Want : std::uint8_t { kAtMost, kAtLeast };

struct Figure {
  std::string name;
  Spread value;
  std::string unit;  // `s`, `/s`, `x` for a ratio, `MB`
  Want want = Want::kAtMost;
  std::optional<double> target = std::nullopt;
  std::optional<double> bound = std::nullopt;
};

// [--pairs N] [--check] and what is left, the operands.
struct Options {
  std::size_t pairs = kLeastPairs;
  bool check = false;  // fewer rounds, and a broken bound is a failure
  std::vector<std::string> operands;
};
Options parse_options(int argc, char** argv);

class Report {
 public:
  explicit Report(std::string benchmark);

  void add(Figure figure);
  void add(const Comparison& comparison);  // how many pairs counted

  // Prints the report; the program's exit code.
  int finish(const Options& options) const;

 private:
  std::string benchmark_;
  double load_before_ = 0;
  std::vector<Figure> figures_;
  std::size_t pairs_ = 0;
  std::size_t dropped_ = 0;
  bool disturbed_ = false;
};

// Says on stderr why there is no report; the program's exit code.
int give_up(std::string_view benchmark, const Error& error);

}  // namespace unik::bench
