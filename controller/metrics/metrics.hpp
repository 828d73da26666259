// What the controller measures of itself, for Prometheus. Counters and histograms are fed as things happen; gauges are
// read off the World when somebody asks.
#pragma once

#include <memory>
#include <string>

#include "controller/ports.hpp"

namespace unik::controller {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // What runs already when the controller starts: no boot of it is measured again. Any thread.
  void begin(const World& world);
  // Any thread.
  void turned(Duration turn_time, std::size_t events);
  void committed(const Record& record);

  // Prometheus text format 0.0.4. `journal_floor`: the record that the journal goes back to.
  std::string text(const World& world, std::uint64_t journal_floor = 0);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace unik::controller
