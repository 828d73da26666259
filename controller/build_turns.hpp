// Between the loop and the builder: which build it is at, and what came of it until that is durable.
//
// A build is begun once the record that gives it its turn is durable, and ended once nobody wants it any more. While
// the history is lost nothing is declared: what has come of a build is kept until `recover`. A controller that starts
// knows of no build that is under way: what was running is begun again.
#pragma once

#include <optional>

#include "controller/ports.hpp"

namespace unik::controller {

class BuildTurns {
 public:
  // Of a build that nobody waits for any more nothing is kept.
  void ended(const BuildEnded& event);
  // Whether `plan` has something to settle or to begin.
  bool has_work(const World& world) const;
  // Settles what has come and gives the next build its turn; after a recovery, with the record that follows it: what is
  // declared needs the numbers that it has given out. `draft` still has every build of `committed`. Returns who asked
  // for the build that was settled.
  std::optional<Caller> plan(const World& committed, Draft& draft) const;
  // The record is durable.
  void committed(const Record& record, Effects& effects);

 private:
  std::optional<OperationKey> begun_;
  std::optional<BuildOutcome> ended_;  // of `begun_`
};

}  // namespace unik::controller
