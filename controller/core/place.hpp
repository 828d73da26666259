// Where a new instance goes. Filter, then score; the same World gives the same answer.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
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

// Places the instances of one app one after the other; each choice counts for the next. Fewest of the app in each
// spread label's value come first, then fewest on the node, then the emptiest node, or the fullest where the tenant
// says so; names break ties. In a large fleet the best of some dozens of nodes that fit is taken, more where there are
// more replicas, from a place that the app's name decides; that nothing fits is said only after every node has been
// looked at.
//
// `world` and `app` must outlive the Placer; each choice is put into `world` before the next is asked for.
class Placer {
 public:
  Placer(const World& world, const App& app, Time now);

  // `is_replacement`: another instance holds the slot, and with it the slot's share of the quota.
  std::variant<Symbol, NoPlace> next(bool is_replacement = false);

 private:
  static constexpr std::size_t kMaxSpread = 8;

  struct Score {
    std::array<std::uint32_t, kMaxSpread + 1> counts{};
    std::int64_t load = 0;

    auto operator<=>(const Score&) const = default;
  };
  struct Candidate {
    Symbol node;
    Resources total;
    Resources free;
    Resources need;
    std::uint32_t of_app = 0;
    std::array<std::uint32_t*, kMaxSpread> domains{};  // how many of the app share each spread label's value
    Score score;                                       // when it was last looked at
  };

  std::uint32_t* domain(std::size_t spread, const NodeRow& node);
  std::optional<std::string> rule_against(Symbol name, const NodeRow& node) const;
  bool may_take(Symbol name, const NodeRow& node) const;
  bool look_further();
  Score score(const Candidate& one) const;
  static bool worse(const Candidate& a, const Candidate& b);
  Candidate* best();
  NoPlace no_place() const;

  const World& world_;
  const App& app_;
  const Time now_;
  const Labels* tenant_selector_ = nullptr;
  bool bin_pack_ = false;
  std::size_t from_ = 0;    // the first node to look at, by its place in order
  std::size_t enough_ = 0;  // so many more that fit are looked for at a time
  std::size_t looked_at_ = 0;
  std::set<Symbol> failing_;  // could not start an instance of this app
  std::map<Symbol, std::uint32_t> of_app_;
  std::map<std::pair<std::size_t, std::string>, std::uint32_t> domains_;  // by (spread, value)
  std::vector<Candidate> candidates_;
  std::optional<NoPlace> none_;  // said once, since room only shrinks
};

}  // namespace unik::controller
