// Where a new instance goes. Filter, then score; the same World gives the same answer.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "controller/core/diff.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

// The first rule that keeps an instance off a node: `n3: memory is 256Mi short`.
struct Exclusion {
  Symbol node;
  std::string rule;  // `memory is 256Mi short`

  bool operator==(const Exclusion&) const = default;
};

inline constexpr std::string_view kQuotaExceeded = "quota_exceeded";

struct NoPlace {
  std::string reason = "no_eligible_node";
  std::string message;  // names the nearest misses
};

// What a node says of itself beside its declared labels; selectors and spreads may name these too.
inline constexpr std::string_view kNameLabel = "unikctl.dev/name";
inline constexpr std::string_view kPlatformLabel = "unikctl.dev/platform";        // `linux-amd64`
inline constexpr std::string_view kAcceleratorLabel = "unikctl.dev/accelerator";  // `kvm` or `tcg`

// The instances that give up their slots to those that are there or that `to_place` names.
std::set<InstanceId> making_way(const std::vector<Joined>& instances, const std::vector<InstanceId>& to_place);

// Places the instances of one app one after the other; each choice counts for the next. Nodes where a published port
// is taken come last. Fewest of the app in each spread label's value come first, then fewest on the node, then the
// emptiest node, or the fullest where the tenant says so, then one that has the image; names break ties. In a large
// fleet the best of some dozens of nodes that fit is taken, more where there are more replicas, from a place that the
// app's name decides, or from the first where the tenant packs; that nothing fits is said only after every node has
// been looked at.
//
// `world`, `app` and `boot` must outlive the Placer; each choice is put into `world` before the next is asked for.
class Placer {
 public:
  // `boot` is what the instances will run, which is not always what the app declares. Those of `leaving` do not count
  // as the app's: another takes their slot.
  Placer(const World& world, const App& app, const BootSpec& boot, Time now, const std::set<InstanceId>& leaving = {});

  // For an instance of `slot`, which may hold a share of the tenant's quota already.
  std::variant<Symbol, NoPlace> next(std::uint32_t slot);

  // When nothing fits: each node with what keeps the app off it, the nearest miss first.
  std::vector<Exclusion> exclusions() const;

 private:
  static constexpr std::size_t kMaxSpread = 8;

  // In the order in which they hold; a node that passes them all is left out for want of room.
  enum class Rule : std::uint8_t {
    kRegistered,
    kReady,
    kSchedulable,
    kNotDrained,
    kCouldStart,
    kTainted,
    kTrusted,
    kAppSelector,
    kTenantSelector,
    kRoom,
  };
  struct Miss {
    Rule rule = Rule::kRoom;
    std::int64_t shortage = 0;  // of what is needed, per mille
    Symbol node;
  };
  struct Score {
    bool is_last_resort = false;
    std::array<std::uint32_t, kMaxSpread + 1> counts{};
    std::int64_t load = 0;
    bool lacks_image = true;

    auto operator<=>(const Score&) const = default;
  };
  struct Candidate {
    Symbol node;
    Resources total;
    Resources free;
    Resources need;
    std::uint32_t of_app = 0;
    bool is_last_resort = false;  // a host port is taken there, or another template could not be started
    bool has_image = false;
    std::array<std::uint32_t*, kMaxSpread> domains{};  // how many of the app share each spread label's value
    Score score;                                       // when it was last looked at
  };

  std::uint32_t* domain(std::size_t spread, const NodeRow& node);
  bool runs(const InstanceId& id, const BootSpec& boot) const;
  void find_image();
  Rule rule_against(Symbol name, const NodeRow& node) const;
  std::string describe(Rule rule, Symbol name, const NodeRow& node) const;
  Resources free_on(Symbol name, const NodeRow& node) const;
  bool finds_port_taken(Symbol name) const;
  void look_further();
  Score score(const Candidate& one) const;
  static bool worse(const Candidate& a, const Candidate& b);
  Candidate* best();
  std::vector<Miss> nearest(std::size_t count) const;
  NoPlace no_place() const;

  const World& world_;
  const App& app_;
  const BootSpec& boot_;
  const Time now_;
  const Labels* tenant_selector_ = nullptr;
  bool bin_pack_ = false;
  std::size_t from_ = 0;    // the first node to look at, by its place in order
  std::size_t enough_ = 0;  // so many more that fit are looked for at a time
  std::size_t looked_at_ = 0;
  std::set<Symbol> failing_;   // could not start an instance of the app that runs the same
  std::set<Symbol> doubtful_;  // could not start one that runs something else
  bool has_fixed_ports_ = false;
  std::vector<Symbol> with_image_;  // nodes that run it or are to, in order
  std::map<Symbol, std::uint32_t> of_app_;
  std::map<std::pair<std::size_t, std::string>, std::uint32_t> domains_;  // by (spread, value)
  std::vector<Candidate> candidates_;
  std::optional<NoPlace> none_;  // said once, since room only shrinks
};

}  // namespace unik::controller
