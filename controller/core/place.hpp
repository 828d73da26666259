// Where a new instance goes. Filter, then score; the same World gives the same answer.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "controller/core/world.hpp"

namespace unik::controller {

// The first rule that keeps an instance off a node: `n3: memory is 256Mi short`.
struct Exclusion {
  Symbol node;
  std::string rule;  // `memory is 256Mi short`

  bool operator==(const Exclusion&) const = default;
};

struct NoPlace {
  std::string reason = "no_eligible_node";
  std::string message;  // names the nearest misses
  std::vector<Exclusion> exclusions;
};

// Places the instances of one app one after the other; each choice counts for the next.
class Placer {
 public:
  // Looks at every node once.
  Placer(const World& world, const App& app);

  // Takes the best node with room, or says what each one lacks.
  std::variant<Symbol, NoPlace> next();

 private:
  struct Candidate {
    Symbol node;
    Resources free;
    Resources total;
    Resources need;
    std::uint32_t of_app = 0;  // instances of this app there
  };

  std::vector<Candidate> candidates_;
  std::vector<Exclusion> exclusions_;  // of nodes that no candidate choice can change
};

}  // namespace unik::controller
