// Where a new instance goes. Filter, then score; the same World gives the same answer.
#pragma once

#include <map>
#include <optional>
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

// What a node says of itself beside its declared labels; selectors and spreads may name these too.
inline constexpr std::string_view kNameLabel = "unikctl.dev/name";
inline constexpr std::string_view kPlatformLabel = "unikctl.dev/platform";        // `linux-amd64`
inline constexpr std::string_view kAcceleratorLabel = "unikctl.dev/accelerator";  // `kvm` or `tcg`

// Places the instances of one app one after the other; each choice counts for the next. Fewest of the app in each spread label's value come first, then fewest on the node, then
// the emptiest node, or the fullest where the tenant says so; names break ties.
class Placer {
 public:
  Placer(const World& world, const App& app, Time now);

  std::variant<Symbol, NoPlace> next();

 private:
  struct Candidate {
    Symbol node;
    Resources total;
    Resources free;
    Resources need;
    std::uint32_t of_app = 0;
    std::vector<std::uint32_t*> of_domain;  // how many of the app share each spread label's value
  };
  using Score = std::pair<std::vector<std::uint32_t>, std::int64_t>;

  Score score(const Candidate& one) const;
  NoPlace no_place() const;

  std::vector<Candidate> candidates_;
  std::vector<Exclusion> exclusions_;
  std::map<std::pair<std::size_t, std::string>, std::uint32_t> domains_;  // by (spread, value)
  std::optional<std::uint32_t> room_;  // instances that the tenant's quota still lets in; none: no bound is near
  bool bin_pack_ = false;
};

}  // namespace unik::controller
