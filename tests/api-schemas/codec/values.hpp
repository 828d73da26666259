// Random values for the round trips: every field takes values that its text form can carry. To be called inside
// `rc::check`.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <set>
#include <string>

#include "api/messages.hpp"
#include "api/operation.hpp"
#include "codec/unik_lock.hpp"
#include "codec/unik_yaml.hpp"

namespace unik::values {

inline std::size_t below(std::size_t n) {
  return *rc::gen::inRange<std::size_t>(0, n);
}
inline bool coin() {
  return below(2) == 1;
}
inline std::string made_of(std::string_view letters, std::size_t least, std::size_t most) {
  std::string text(least + below(most - least + 1), ' ');
  for (char& c : text) c = letters[below(letters.size())];
  return text;
}

// Text that readers of YAML and JSON stumble over.
inline std::string text() {
  static const std::vector<std::string> kOdd = {"",
                                                " ",
                                                "on",
                                                "NO",
                                                "yes",
                                                "null",
                                                "~",
                                                "012",
                                                "0x1F",
                                                "1e3",
                                                "1_000",
                                                "1.10",
                                                "-",
                                                "- a",
                                                "a: b",
                                                "a #b",
                                                "#",
                                                "a:",
                                                ":a",
                                                "{a}",
                                                "[",
                                                "\"",
                                                "'",
                                                "\\",
                                                "a\nb",
                                                "\n",
                                                "a\tb",
                                                " a",
                                                "a ",
                                                "---",
                                                "...",
                                                "%YAML",
                                                "@x",
                                                "`",
                                                "!tag",
                                                "&a",
                                                "*a",
                                                "|",
                                                ">",
                                                "?",
                                                "<<",
                                                "=",
                                                ".inf",
                                                "-.5",
                                                "1:30",
                                                "2024-01-01",
                                                "\xC3\xA9",
                                                "\xE2\x80\xA8",
                                                "\xF0\x9F\x98\x80",
                                                "\x7F",
                                                "\x01",
                                                "\xC2\x85",
                                                "true",
                                                "False",
                                                "\xEF\xBB\xBF",
                                                "a,b",
                                                "0b1",
                                                "0o17",
                                                "y",
                                                ".",
                                                "\r\n",
                                                "+1"};
  switch (below(3)) {
    case 0:
      return kOdd[below(kOdd.size())];
    case 1:
      return kOdd[below(kOdd.size())] + kOdd[below(kOdd.size())];
    default:
      return made_of("abcdefXYZ0123456789 ._-/:#,'\"", 0, 20);
  }
}

inline std::string label() {
  return made_of("abcxyz", 1, 3) + made_of("abc019-", 0, 10) + made_of("xyz089", 1, 1);
}
inline Symbol symbol() {
  return Symbol(label());
}
inline std::string hex(std::size_t digits) {
  return made_of("0123456789abcdef", digits, digits);
}
inline std::string image() {
  return "registry.local:5000/" + label() + "@sha256:" + hex(64);
}
inline Duration duration(Duration least, Duration most) {
  return Duration(*rc::gen::inRange<std::int64_t>(least.count(), most.count() + 1));
}
inline std::uint16_t port() {
  return static_cast<std::uint16_t>(1 + below(65535));
}
inline std::uint64_t number() {
  return coin() ? below(100) : *rc::gen::arbitrary<std::uint64_t>();
}

inline Labels labels() {
  Labels out;
  for (std::size_t i = below(4); i > 0; --i) out[label()] = coin() ? label() : made_of("ABC012", 0, 3);
  return out;
}

inline Resources resources() {
  return {MilliCpu{kLeastCpu.value + static_cast<std::int64_t>(below(64'000))},
          Bytes{kLeastMemory.value + static_cast<std::int64_t>(below(std::size_t{1} << 40))}};
}

inline Metadata metadata(bool in_tenant) {
  Metadata out;
  out.name = label();
  if (in_tenant) out.tenant = label();
  out.labels = labels();
  return out;
}

inline BootSpec boot() {
  BootSpec out;
  out.image = image();
  for (std::size_t i = below(4); i > 0; --i) out.args.push_back(text());
  for (std::size_t i = below(4); i > 0; --i) out.env[made_of("ABCNOYES_", 1, 6)] = text();
  out.resources = resources();
  if (coin()) out.resources.cpu = {};  // left to the tenant
  if (coin()) out.resources.memory = {};
  std::set<std::uint16_t> ports;
  for (std::size_t i = below(4); i > 0; --i) ports.insert(port());
  for (const std::uint16_t number : ports) out.ports.push_back({"p" + std::to_string(number), number});
  std::ranges::sort(out.ports, {}, &Port::name);
  out.writable = coin() ? RootWritable::kEphemeral : RootWritable::kNo;
  out.singleton = coin() ? Singleton::kStrict : Singleton::kNone;
  out.debug = coin();
  if (coin()) out.check = CheckTarget{port(), coin() ? std::optional(made_of("abc/", 0, 9)) : std::nullopt};
  return out;
}

inline RunPolicy run(const BootSpec& boot) {
  using namespace std::chrono_literals;
  RunPolicy out;
  for (const Port& port : boot.ports) {
    if (coin()) continue;
    Publication publication{port.name, port.port, std::nullopt};
    if (coin()) publication.host_port = port.port;
    out.publications.push_back(publication);
  }
  if (!boot.ports.empty() && coin()) {
    HealthCheck& health = out.health.emplace();
    health.port = boot.ports[below(boot.ports.size())].port;
    if (coin()) health.path = "/" + made_of("abc/?=%:#", 0, 9);
    health.interval = duration(100ms, 1h);
    health.timeout = duration(10ms, 1h);
    health.failures = static_cast<std::uint32_t>(1 + below(100));
    health.grace = duration(0s, 1h);
  }
  out.restart.policy = static_cast<RestartPolicy>(below(3));
  out.restart.backoff = duration(10ms, 1h);
  out.restart.max_backoff = duration(1h, 24h);
  out.stop_timeout = duration(0s, 1h);
  return out;
}

inline std::uint32_t count(std::size_t least, std::size_t most) {
  return static_cast<std::uint32_t>(least + below(most - least + 1));
}

inline Placement placement() {
  Placement out;
  out.node_selector = labels();
  for (std::size_t i = below(3); i > 0; --i) out.spread.push_back({label()});
  for (std::size_t i = below(3); i > 0; --i) {
    out.tolerations.push_back({label(), std::nullopt});
    if (coin()) out.tolerations.back().value = coin() ? label() : "";
  }
  std::ranges::sort(out.tolerations);
  return out;
}

inline RolloutPolicy rollout() {
  using namespace std::chrono_literals;
  RolloutPolicy out;
  out.strategy = static_cast<RolloutStrategy>(below(3));
  out.max_unavailable = count(0, 1000);
  out.max_surge = count(out.max_unavailable == 0 ? 1 : 0, 1000);
  out.progress_deadline = duration(10ms, 24h);
  out.auto_rollback = coin();
  if (coin()) out.canary = {count(1, 100), duration(0s, 24h), coin() ? Promotion::kManual : Promotion::kAuto};
  if (coin()) out.gate = {duration(0s, 1h), count(0, 1000), count(0, 1000)};
  return out;
}

inline NodeSpec node_spec() {
  using namespace std::chrono_literals;
  NodeSpec out;
  out.schedulable = coin();
  if (coin()) out.reserved = resources();
  if (coin()) out.drain = {coin(), duration(0s, 24h), coin(), text()};
  for (std::size_t i = below(3); i > 0; --i)
    out.taints.push_back({label(), coin() ? label() : "", coin() ? TaintEffect::kNoExecute : TaintEffect::kNoSchedule});
  std::ranges::sort(out.taints);
  return out;
}

inline TenantSpec tenant_spec() {
  TenantSpec out;
  out.default_resources = resources();
  out.node_selector = labels();
  if (coin()) out.quota.instances = count(0, 1'000'000);
  if (coin()) out.quota.cpu = resources().cpu;
  if (coin()) out.quota.memory = resources().memory;
  if (coin()) out.limits = {resources().cpu, resources().memory};
  if (coin()) out.placement = PlacementStrategy::kBinPack;
  if (coin()) out.rollout = rollout();
  out.allow_containers = coin();
  for (std::size_t i = below(3); i > 0; --i)
    out.require_signatures.keys.push_back("RWQ" + std::string(52, 'k') + static_cast<char>('0' + i));
  std::ranges::sort(out.require_signatures.keys);
  return out;
}

inline AppSpec app_spec() {
  AppSpec out;
  out.boot = boot();
  if (coin()) {
    out.boot.image.clear();
    out.source = "./" + text();
  }
  out.run = run(out.boot);
  out.boot.check = target_of(out.run.health);
  out.replicas = static_cast<std::uint32_t>(below(1001));
  out.placement = placement();
  if (coin()) out.disruption.max_unavailable = count(1, 1000);
  if (coin()) out.rollout = rollout();
  // Side by side is what a strict singleton must never be.
  if (out.rollout && out.boot.singleton == Singleton::kStrict && out.rollout->strategy == RolloutStrategy::kBlueGreen)
    out.rollout->strategy = RolloutStrategy::kRolling;
  if (coin()) out.disconnect = {duration(std::chrono::minutes(1), std::chrono::hours(24)), coin(), std::nullopt};
  out.rebase = coin() ? Rebase::kAuto : Rebase::kNone;
  if (coin()) out.disconnect.stop_on_client_after = duration(std::chrono::minutes(1), std::chrono::hours(24));
  return out;
}

inline Resource resource() {
  switch (below(3)) {
    case 0:
      return App{metadata(true), app_spec()};
    case 1:
      return Node{metadata(false), node_spec()};
    default:
      return Tenant{metadata(false), tenant_spec()};
  }
}

inline InstanceId instance_id() {
  return {symbol(), symbol(), *rc::gen::arbitrary<std::uint32_t>(), number(), *rc::gen::arbitrary<std::uint32_t>()};
}

inline WallTime wall_time() {
  return WallTime(std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000)));
}

inline InstanceStatus status() {
  InstanceStatus out;
  out.phase = static_cast<Phase>(below(4));
  out.reason = text();
  out.message = text();
  out.health = static_cast<Health>(below(4));
  out.restarts = *rc::gen::arbitrary<std::uint32_t>();
  if (coin()) out.last_exit = Exit{static_cast<ExitKind>(below(5)), *rc::gen::arbitrary<std::int32_t>()};
  out.address = text();
  out.accelerator = Symbol(coin() ? "kvm" : "tcg");
  if (coin()) out.started_at = wall_time();
  for (Duration* part :
       {&out.boot.fetch, &out.boot.prepare, &out.boot.start, &out.boot.first_byte, &out.boot.total, &out.boot.healthy})
    *part = duration(Duration::zero(), std::chrono::hours(1));
  return out;
}

inline Stamp stamp() {
  return {text(), {number(), number()}, number()};
}

inline ReportBody report_body() {
  ReportBody out;
  for (std::size_t i = below(4); i > 0; --i) out.instances.push_back({instance_id(), status()});
  for (std::size_t i = below(3); i > 0; --i)
    out.publications.push_back(
        {{symbol(), symbol()}, label(), port(), "127.0.0.1", coin() ? port() : std::uint16_t{0}, text()});
  out.used = resources();
  return out;
}

inline Report report() {
  Report out{label(), text(), number(), number(), stamp(), number(), std::nullopt};
  if (coin()) out.body = report_body();
  return out;
}

inline Action action() {
  switch (below(3)) {
    case 0:
      return EnsureImage{image()};
    case 1: {
      EnsureRunning goal{instance_id(), boot(), {}, std::nullopt};
      if (coin()) goal.stop_when_silent = duration(std::chrono::minutes(1), std::chrono::hours(24));
      goal.run = run(goal.boot);
      return goal;
    }
    default:
      return EnsureAbsent{instance_id(), duration(Duration::zero(), std::chrono::hours(1))};
  }
}

inline Goals goals() {
  Goals out{stamp(), {}};
  for (std::size_t i = below(4); i > 0; --i) out.actions.push_back(action());
  return out;
}

inline Error error() {
  Error out;
  out.code = static_cast<ErrorCode>(below(9));
  out.reason = text();
  out.message = text();
  for (std::size_t i = below(3); i > 0; --i)
    out.details.push_back({text(), static_cast<int>(below(1000)), static_cast<int>(below(1000)), text(), text()});
  out.trace_id = text();
  return out;
}

inline BuildOrder build_order() {
  return {App{metadata(true), app_spec()}, coin() ? "python@1" : "", text(), coin() ? text() : "",
          coin() ? "op-3-0" : ""};
}

inline Operation operation() {
  Operation out;
  out.operation_id = "op-" + std::to_string(below(1000)) + "-0";
  out.kind = static_cast<OperationKind>(below(3));
  if (out.kind == OperationKind::kBuild) out.build = build_order();
  out.state = static_cast<OperationState>(below(4));
  out.target = {symbol(), symbol()};
  out.uid = number();
  out.generation = number();
  out.attempts = *rc::gen::arbitrary<std::uint32_t>();
  out.message = text();
  if (coin()) out.error = error();
  out.trace_id = text();
  out.created_at = wall_time();
  if (coin()) out.updated_at = wall_time();
  return out;
}

inline NodeInfo node_info() {
  return {resources(),
          "linux/amd64",
          coin() ? "kvm" : "tcg",
          text(),
          text(),
          text(),
          text(),
          mebibytes(static_cast<std::int64_t>(below(100)))};
}

inline LogRequest log_request() {
  LogRequest out{text(), instance_id(), {}};
  out.query.select = coin() ? LogSelect::kPrevious : LogSelect::kCurrent;
  if (coin()) out.query.tail = number();
  if (coin()) out.query.since = wall_time();
  out.query.follow = coin();
  out.query.timestamps = coin();
  return out;
}

inline HeartbeatReply heartbeat_reply() {
  HeartbeatReply out;
  if (coin()) out.goals = goals();
  out.renew = number();
  out.want_body = coin();
  out.want_register = coin();
  for (std::size_t i = below(3); i > 0; --i) out.logs.push_back(log_request());
  out.next_in = duration(Duration::zero(), std::chrono::hours(1));
  return out;
}

inline codec::UnikYaml unik_yaml() {
  codec::UnikYaml out;
  if (coin()) out.language = "python";
  if (coin()) out.runtime = "python@1.2.0";
  if (coin()) out.build_command = "x" + text();
  if (coin()) out.artifact_path = "dist/" + label();
  if (coin()) out.run_command = {"python", text()};
  out.deploy = app_spec();
  out.deploy.source.clear();
  out.deploy.boot.image.clear();
  return out;
}

inline codec::UnikLock unik_lock() {
  codec::UnikLock out;
  for (const char* name : {"nodejs", "python", "team/python"})
    if (coin())
      out.runtimes.push_back({name, "1." + std::to_string(below(20)) + ".0", "sha256:" + std::string(64, 'b')});
  return out;
}

}  // namespace unik::values
