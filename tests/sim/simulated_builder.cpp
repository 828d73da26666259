#include "tests/sim/simulated_builder.hpp"

#include <utility>

namespace unik::sim {
namespace {

constexpr Duration kShortest = std::chrono::milliseconds(400);
constexpr Duration kPerDigit = std::chrono::milliseconds(900);  // so that builds take from 0.4 to 8.5 s

std::uint64_t number_of(const std::string& source) {
  return static_cast<std::uint64_t>(source.back() - '0');
}

controller::BuildOutcome outcome_of(const Operation& operation) {
  const std::string& source = operation.build->app.spec.source;
  if (number_of(source) % 2 == 1) return {"", invalid("build_failed", "the source is at odds with itself")};
  return {operation.target.app.str() + "@" + source, std::nullopt};
}

}  // namespace

std::string source_of(std::uint64_t number) {
  return "sha256:" + std::string(64, static_cast<char>('0' + number % 10));
}

SimulatedBuilder::SimulatedBuilder(Timeline& timeline, std::function<void(controller::Event)> post)
    : timeline_(timeline), post_(std::move(post)) {}

void SimulatedBuilder::begin(const controller::BeginBuild& begin) {
  if (current_) broken_.push_back("a build was begun while another was under way");
  current_ = begin.key;
  const std::uint64_t turn = ++begun_;
  const Duration takes = kShortest + kPerDigit * number_of(begin.operation->build->app.spec.source);
  timeline_.after(takes, [this, turn, begin] {
    if (turn != begun_ || current_ != begin.key) return;
    current_.reset();
    ++ended_;
    post_(controller::BuildEnded{begin.key, outcome_of(*begin.operation)});
  });
}

void SimulatedBuilder::end(const controller::EndBuild& end) {
  if (current_ == end.key) current_.reset();
}

void SimulatedBuilder::crash() {
  current_.reset();
}

}  // namespace unik::sim
