// What users declare: App, Node, Tenant. Plain values; the JSON Schemas in `api-schemas/schemas` are the source of
// their shape, and a test holds the two together. A field appears here when its policy works, not before.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/ids.hpp"
#include "api/instance.hpp"
#include "api/time.hpp"
#include "api/units.hpp"

namespace unik {

inline constexpr std::string_view kApiVersion = "unikctl.dev/v1";
inline constexpr std::string_view kDefaultTenant = "default";

using Labels = std::map<std::string, std::string>;

// The least that a VM boots with and runs an app of some hundred KiB: with less, its kernel has nothing left to give.
inline constexpr Bytes kLeastMemory = mebibytes(40);
inline constexpr MilliCpu kLeastCpu{10};

// What an app's `args` and `env` take together. A guest is given 256 KiB for these and the image's own.
inline constexpr std::size_t kMaxArgsAndEnv = 128 * 1024;

// So long that the names of its instances, `NAME-SLOT-rROLLOUT-ATTEMPT`, are host names: at most 63 characters.
inline constexpr std::size_t kMaxAppName = 40;

// `uid` tells a re-created object from its namesake; `generation` grows by one with each change of the spec. Both are
// given by the controller and are 0 in a file.
struct Metadata {
  std::string name;
  std::string tenant;  // empty for kinds that live outside tenants
  Labels labels;
  std::uint64_t uid = 0;
  std::uint64_t generation = 0;

  bool operator==(const Metadata&) const = default;
};

// A port on which the guest listens. How it is published is no part of the boot: see Publication.
struct Port {
  std::string name;
  std::uint16_t port = 0;

  bool operator==(const Port&) const = default;
};

// Whether the guest may write to its root. `kEphemeral` lays a tmpfs over it that dies with the VM.
enum class RootWritable : std::uint8_t { kNo, kEphemeral };

// Whether two VMs of one slot may ever run side by side. `kStrict`: never, at the price of a gap at each replacement,
// and of being stopped when its node loses touch with the controller (api/lease.hpp).
enum class Singleton : std::uint8_t { kNone, kStrict };

// What a health check asks of the guest. It belongs to the template: each instance is judged by the check that it was
// born with, so that another port rolls out with the program that listens there, and rolls back with it.
struct CheckTarget {
  std::uint16_t port = 0;  // 0: not known, in a template that was stored before this was kept
  std::optional<std::string> path;

  bool operator==(const CheckTarget&) const = default;
};

// Everything that a running VM cannot change: a difference here means a new rollout, that is new VMs.
struct BootSpec {
  std::string image;                       // `NAME@sha256:HEX`, the manifest's digest
  std::vector<std::string> args;           // appended to the image's entry point
  std::map<std::string, std::string> env;  // over the image's own
  Resources resources;                     // memory is the guest's RAM; zero in a file that leaves it to the tenant
  std::vector<Port> ports;                 // by name
  RootWritable writable = RootWritable::kNo;
  Singleton singleton = Singleton::kNone;  // a VM is born with the guard that ends it, or without
  bool debug = false;                      // trace the boot on the console
  std::uint64_t restart = 0;               // grows with each `rollout restart`; 0 in what users declare
  std::optional<CheckTarget> check;        // of RunPolicy::health

  bool operator==(const BootSpec&) const = default;
};

// What `args` and `env` take in a guest's boot configuration: each entry's text and some bytes around it.
std::size_t args_and_env_bytes(const BootSpec& boot);

// Where a port is reachable on the node. No host port means that the node picks a free one and keeps it.
struct Publication {
  std::string port_name;
  std::uint16_t port = 0;
  std::optional<std::uint16_t> host_port;

  bool operator==(const Publication&) const = default;
};

// `path` set: an HTTP GET that must answer 200 to 399. Otherwise: a TCP connection that must open.
struct HealthCheck {
  std::uint16_t port = 0;
  std::optional<std::string> path;
  Duration interval = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(1);
  std::uint32_t failures = 3;
  Duration grace = std::chrono::seconds(30);

  bool operator==(const HealthCheck&) const = default;
};

std::optional<CheckTarget> target_of(const std::optional<HealthCheck>& health);
// Makes `health` ask what `target` says, at the pace that it has; nothing where that is not known.
void aim(std::optional<HealthCheck>& health, const std::optional<CheckTarget>& target);

enum class RestartPolicy : std::uint8_t { kAlways, kOnFailure, kNever };

// Whether an app that has ended so is started again.
bool starts_again(RestartPolicy policy, const Exit& exit);

struct Restart {
  RestartPolicy policy = RestartPolicy::kAlways;
  Duration backoff = std::chrono::seconds(1);
  Duration max_backoff = std::chrono::minutes(5);

  bool operator==(const Restart&) const = default;
};

// Everything that the agent applies to a running VM in place.
struct RunPolicy {
  std::vector<Publication> publications;  // by the port's name
  std::optional<HealthCheck> health;
  Restart restart;
  Duration stop_timeout = std::chrono::seconds(10);

  bool operator==(const RunPolicy&) const = default;
};

// A mark on a node that keeps instances away unless they tolerate it. `kNoExecute` also moves those that are there.
enum class TaintEffect : std::uint8_t { kNoSchedule, kNoExecute };

struct Taint {
  std::string key;
  std::string value;
  TaintEffect effect = TaintEffect::kNoSchedule;

  auto operator<=>(const Taint&) const = default;
};

// Without a value it covers every taint of its key.
struct Toleration {
  std::string key;
  std::optional<std::string> value;

  auto operator<=>(const Toleration&) const = default;
};

// Instances are spread evenly over the values of the node label `by`.
struct Spread {
  std::string by;

  bool operator==(const Spread&) const = default;
};

struct Placement {
  Labels node_selector;  // every pair must be a label of the node
  std::vector<Spread> spread;
  std::vector<Toleration> tolerations;
  std::int32_t priority = 0;  // whose place others give up; nobody's yet, so that only 0 is declared

  bool operator==(const Placement&) const = default;
};

// How many instances may be away at a time while nodes are emptied.
struct Disruption {
  std::uint32_t max_unavailable = 1;

  bool operator==(const Disruption&) const = default;
};

enum class RolloutStrategy : std::uint8_t { kRolling, kCanary, kBlueGreen };

enum class Promotion : std::uint8_t { kAuto, kManual };

// The first instances that a canary rollout replaces, and how long they must have served before the others follow.
struct Canary {
  std::uint32_t percent = 10;  // of the replicas, rounded up
  Duration bake = std::chrono::minutes(1);
  Promotion promote = Promotion::kAuto;

  bool operator==(const Canary&) const = default;
};

// What must hold before an old instance makes room for a new one. A factor of 0 asks for nothing.
struct RolloutGate {
  Duration healthy_for{};            // the new instance has been ready for so long
  std::uint32_t boot_factor = 0;     // its boot took at most so many times the median of the old ones
  std::uint32_t restart_factor = 0;  // restarts in a time, at most so many times the old ones', and one each

  bool operator==(const RolloutGate&) const = default;
};

struct RolloutPolicy {
  RolloutStrategy strategy = RolloutStrategy::kRolling;
  std::uint32_t max_unavailable = 0;
  std::uint32_t max_surge = 1;
  Duration progress_deadline = std::chrono::minutes(5);
  bool auto_rollback = true;
  Canary canary;
  RolloutGate gate;

  bool operator==(const RolloutPolicy&) const = default;
};

// What becomes of instances whose node is silent.
struct Disconnect {
  Duration lost_after = std::chrono::minutes(5);  // of silence, before they are replaced
  bool replace = true;
  std::optional<Duration> stop_on_client_after;  // the node stops them itself after so much silence; absent: never

  bool operator==(const Disconnect&) const = default;
};

// Whether the app follows when `image rebase` puts its image onto another base.
enum class Rebase : std::uint8_t { kNone, kAuto };

struct AppSpec {
  std::string source;   // only in files: a directory that the CLI builds and replaces by `boot.image`
  std::string runtime;  // only in files, with `source`: what it is built on, NAME[@VERSION]; empty: the pack chooses
  BootSpec boot;
  RunPolicy run;
  std::uint32_t replicas = 1;
  Placement placement;
  Disruption disruption;
  std::optional<RolloutPolicy> rollout;  // absent: the tenant's
  Disconnect disconnect;
  Rebase rebase = Rebase::kNone;

  bool operator==(const AppSpec&) const = default;
};

struct App {
  Metadata metadata;
  AppSpec spec;

  bool operator==(const App&) const = default;
  AppName name() const { return {Symbol(metadata.tenant), Symbol(metadata.name)}; }
};

// Empties the node: its instances are replaced elsewhere first. Past the deadline, or at once with `force`, they are
// stopped even where no replacement serves yet.
struct Drain {
  bool enabled = false;
  Duration deadline = std::chrono::minutes(10);
  bool force = false;
  std::string reason;  // for people

  bool operator==(const Drain&) const = default;
};

struct NodeSpec {
  bool schedulable = true;
  Resources reserved;  // kept out of what the scheduler gives away
  Drain drain;
  std::vector<Taint> taints;

  bool operator==(const NodeSpec&) const = default;
};

struct Node {
  Metadata metadata;
  NodeSpec spec;

  bool operator==(const Node&) const = default;
};

// Upper bounds for a whole tenant; absent: none. An instance counts what its app declares, without the VM's overhead.
struct Quota {
  std::optional<std::uint32_t> instances;
  std::optional<MilliCpu> cpu;
  std::optional<Bytes> memory;

  bool operator==(const Quota&) const = default;
};

// The most that one instance of the tenant may ask for; zero: no limit.
struct InstanceLimits {
  MilliCpu cpu;
  Bytes memory;

  bool operator==(const InstanceLimits&) const = default;
};

// Which of the nodes that fit is taken: the emptiest, or the fullest.
enum class PlacementStrategy : std::uint8_t { kSpread, kBinPack };

// Public keys of minisign, each its base64 line, sorted. Where there are any, an image boots only when one of them has
// signed it.
inline constexpr std::size_t kMaxTrustedKeys = 16;
struct RequireSignatures {
  std::vector<std::string> keys;

  bool operator==(const RequireSignatures&) const = default;
};

struct TenantSpec {
  Resources default_resources{MilliCpu{250}, mebibytes(128)};  // for apps that name none
  Labels node_selector;                                        // added to that of each app
  Quota quota;
  InstanceLimits limits;
  PlacementStrategy placement = PlacementStrategy::kSpread;
  std::optional<RolloutPolicy> rollout;  // for apps that declare none
  RequireSignatures require_signatures;
  bool allow_containers = true;  // images that are the root of somebody's container

  bool operator==(const TenantSpec&) const = default;
};

struct Tenant {
  Metadata metadata;
  TenantSpec spec;

  bool operator==(const Tenant&) const = default;
};

using Resource = std::variant<App, Node, Tenant>;

enum class Kind : std::uint8_t { kApp, kNode, kTenant };

Kind kind_of(const Resource& resource);
const Metadata& metadata_of(const Resource& resource);
Metadata& metadata_of(Resource& resource);

// The forms of a kind's name that users may type.
struct KindNames {
  std::string_view kind;        // `App`, as in manifests
  std::string_view singular;    // `app`
  std::string_view plural;      // `apps`, as in routes
  std::string_view short_name;  // `a`
  bool in_tenant = false;
};

const KindNames& names_of(Kind kind);

// Any form, in any case; empty when it is none.
std::optional<Kind> parse_kind(std::string_view text);

}  // namespace unik
