#include "cli/output/views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "cli/root_label.hpp"

namespace unik::cli {
namespace {

constexpr std::size_t kDigestShown = 12;

// Names that a clock would answer: an object created at the epoch has no age that means anything.
std::string age(WallTime since, WallTime now) {
  return since == WallTime{} ? "" : format_age(std::chrono::duration_cast<Duration>(now - since));
}

// `ready`; `ready (container)` for one outside the no-shell baseline.
Cell phase_of(const AppView& app) {
  const auto root = app.app.metadata.labels.find(kRootLabel);
  const bool container = root != app.app.metadata.labels.end() && root->second == kContainerRoot;
  return {app.phase + (container ? " (container)" : ""), colour_of_state(app.phase)};
}

Cell state(std::string text) {
  const Colour colour = colour_of_state(text);
  return {std::move(text), colour};
}

// Each node that serves a port has its own entry, and those of one machine give the same address.
std::string url_of(const AppView& app) {
  std::set<std::string> told;
  std::string text;
  for (const LaunchUrl& url : app.urls) {
    const std::string one = url.url.empty() ? url.port_name + ": " + url.problem : url.url;
    if (told.insert(one).second) text += (text.empty() ? "" : ",") + one;
  }
  return text;
}

std::string condition_reason(const std::vector<Condition>& conditions) {
  for (const Condition& condition : conditions)
    if (condition.status != "True") return condition.reason + ": " + condition.message;
  return "";
}

// Memory in tables rounds to whole units; the exact number is in JSON.
std::string memory(Bytes bytes) {
  if (bytes.value >= std::int64_t{10} << 30) return fmt::format("{}Gi", bytes.value >> 30);
  return fmt::format("{}Mi", bytes.value >> 20);
}

std::string cause_of(const InstanceView& instance) {
  if (instance.node_unknown) return "node_silent";
  if (instance.goal == "stop") return "stopping";
  if (instance.status.phase == Phase::kExited && instance.status.last_exit) return describe(*instance.status.last_exit);
  if (instance.status.phase == Phase::kRunning && instance.status.health != Health::kNone)
    return std::string(to_string(instance.status.health));
  return instance.status.reason;
}

std::string section(std::string_view title, std::size_t count, const Table& table, bool colour) {
  std::string text = paint(title, Colour::kBold, colour) + "\n";
  return text + (count == 0 ? std::string("none\n") : render(table, colour));
}

// What has ended stays listed where it ended: whether a node is drained is what its condition says.
Cell schedulable(const NodeView& view) {
  const bool drained = std::ranges::any_of(view.conditions, [](const Condition& condition) {
    return condition.type == "Drained" && condition.status == "True";
  });
  if (view.node.spec.drain.enabled) return Cell(drained ? "drained" : "draining", Colour::kYellow);
  return view.node.spec.schedulable ? Cell("yes") : Cell("cordoned", Colour::kYellow);
}

// What is declared of what may be: `3/50`, or `3` where there is no bound.
std::string used_of(const std::string& used, const std::string& hard) {
  return hard.empty() ? used : used + "/" + hard;
}

}  // namespace

std::string short_image(const std::string& image) {
  const std::size_t at = image.find("@sha256:");
  if (at == std::string::npos) return image;
  return image.substr(0, at) + "@" + image.substr(at + 8, kDigestShown);
}

std::string format_boot(Duration duration) {
  if (duration <= Duration::zero()) return "";
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (millis < 1000) return fmt::format("{}ms", millis);
  return fmt::format("{:.1f}s", static_cast<double>(millis) / 1000.0);
}

Duration boot_time(const BootTimes& boot) {
  if (boot.start <= Duration::zero()) return {};  // it has not booted yet
  return boot.total > Duration::zero() ? boot.total : boot.fetch + boot.prepare + boot.start;
}

Duration ready_time(const BootTimes& boot) {
  return std::max(boot_time(boot), boot.healthy);
}

std::string describe(const Exit& exit) {
  switch (exit.kind) {
    case ExitKind::kExited:
      return fmt::format("exit {}", exit.code);
    case ExitKind::kSignaled:
      return fmt::format("signal {}", exit.code);
    case ExitKind::kOutOfMemory:
      return "out of memory";
    case ExitKind::kPanicked:
      return "guest panicked";
    case ExitKind::kCrashed:
      return "VM crashed";
  }
  return "";
}

std::string render_boot(const BootTimes& boot) {
  const auto part = [](std::string_view name, Duration duration) {
    return fmt::format("{} {}", name, duration <= Duration::zero() ? "0ms" : format_boot(duration));
  };
  std::string text =
      part("fetch", boot.fetch) + ", " + part("prepare", boot.prepare) + ", " + part("start", boot.start);
  if (boot.first_byte > Duration::zero()) text += ", " + part("first byte", boot.first_byte);
  if (boot.healthy > Duration::zero()) text += ", " + part("healthy", boot.healthy);
  return text;
}

Table table_of(const std::vector<AppView>& apps, WallTime now, bool wide) {
  Table table{{"NAME", "READY", "PHASE", "RESTARTS", "AGE", "URL"}, {}};
  if (wide) table.headings.insert(table.headings.end(), {"ROLLOUT", "UPDATED", "CPU", "MEMORY", "IMAGE", "REASON"});
  for (const AppView& view : apps) {
    std::vector<Cell> row{view.app.metadata.name,
                          fmt::format("{}/{}", view.ready, view.desired),
                          phase_of(view),
                          std::to_string(view.restarts),
                          age(view.created_at, now),
                          url_of(view)};
    if (wide) {
      const BootSpec& boot = view.app.spec.boot;
      row.insert(row.end(), {Cell(fmt::format("r{}", view.rollout)), Cell(std::to_string(view.up_to_date)),
                             Cell(format_milli_cpu(boot.resources.cpu)), Cell(format_bytes(boot.resources.memory)),
                             Cell(short_image(boot.image)), Cell(condition_reason(view.conditions))});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of(const std::vector<InstanceView>& instances, WallTime now, bool wide) {
  Table table{{"NAME", "PHASE", "REASON", "NODE", "RESTARTS", "BOOT", "AGE"}, {}};
  if (wide) table.headings.insert(table.headings.end(), {"ADDRESS", "ACCELERATOR", "LAST-EXIT", "IMAGE", "MESSAGE"});
  for (const InstanceView& view : instances) {
    const InstanceStatus& status = view.status;
    std::vector<Cell> row{view.name,
                          state(std::string(to_string(status.phase))),
                          state(cause_of(view)),
                          view.node,
                          std::to_string(status.restarts),
                          format_boot(boot_time(status.boot)),
                          age(view.created_at, now)};
    if (wide)
      row.insert(row.end(), {Cell(status.address), Cell(status.accelerator.str()),
                             Cell(status.last_exit ? describe(*status.last_exit) : ""), Cell(short_image(view.image)),
                             Cell(status.message)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of(const std::vector<NodeView>& nodes, WallTime now, bool wide) {
  Table table{{"NAME", "HEALTH", "SCHEDULABLE", "ACCELERATOR", "INSTANCES", "CPU", "MEMORY", "SEEN", "AGE"}, {}};
  if (wide)
    table.headings.insert(table.headings.end(),
                          {"LABELS", "VMM", "AGENT", "CPU-USED", "MEMORY-USED", "WHY-THE-ACCELERATOR"});
  for (const NodeView& view : nodes) {
    const Resources& total = view.allocatable;
    std::vector<Cell> row{view.node.metadata.name,
                          state(view.health),
                          schedulable(view),
                          view.info ? view.info->accelerator : "",
                          std::to_string(view.instances),
                          format_milli_cpu(view.assigned.cpu) + "/" + format_milli_cpu(total.cpu),
                          memory(view.assigned.memory) + "/" + memory(total.memory),
                          view.last_report_ago ? format_age(*view.last_report_ago) : "never",
                          age(view.created_at, now)};
    if (wide) {
      std::string labels;
      for (const auto& [key, value] : view.labels) labels += (labels.empty() ? "" : ",") + key + "=" + value;
      row.insert(row.end(), {Cell(labels), Cell(view.info ? view.info->vmm_version : ""),
                             Cell(view.info ? view.info->agent_version : ""), Cell(format_milli_cpu(view.used.cpu)),
                             Cell(memory(view.used.memory)), Cell(view.info ? view.info->accelerator_reason : "")});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of(const std::vector<TenantView>& tenants, WallTime now, bool wide) {
  Table table{{"NAME", "APPS", "INSTANCES", "CPU", "MEMORY", "AGE"}, {}};
  if (wide)
    table.headings.insert(table.headings.end(),
                          {"USED-INSTANCES", "USED-CPU", "USED-MEMORY", "DEFAULT-CPU", "DEFAULT-MEMORY"});
  for (const TenantView& view : tenants) {
    const Quota& quota = view.tenant.spec.quota;
    std::vector<Cell> row{view.tenant.metadata.name,      std::to_string(view.apps),
                          std::to_string(view.instances), format_milli_cpu(view.assigned.cpu),
                          memory(view.assigned.memory),   age(view.created_at, now)};
    if (wide)
      row.insert(
          row.end(),
          {Cell(used_of(std::to_string(view.used_instances), quota.instances ? std::to_string(*quota.instances) : "")),
           Cell(used_of(format_milli_cpu(view.used.cpu), quota.cpu ? format_milli_cpu(*quota.cpu) : "")),
           Cell(used_of(format_bytes(view.used.memory), quota.memory ? format_bytes(*quota.memory) : "")),
           Cell(format_milli_cpu(view.tenant.spec.default_resources.cpu)),
           Cell(format_bytes(view.tenant.spec.default_resources.memory))});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of(const std::vector<Operation>& operations, WallTime now, bool wide) {
  Table table{{"OPERATION", "KIND", "TARGET", "STATE", "ATTEMPTS", "AGE", "MESSAGE"}, {}};
  if (wide) table.headings.insert(table.headings.end(), {"UPDATED", "TRACE"});
  for (const Operation& operation : operations) {
    std::string message = operation.message;
    if (operation.error) message = operation.error->reason + ": " + operation.error->message;
    message.resize(std::min(message.size(), message.find('\n')));  // the end of a build's log follows
    std::vector<Cell> row{operation.operation_id,
                          Cell(std::string(to_string(operation.kind))),
                          "app/" + operation.target.app.str(),
                          state(std::string(to_string(operation.state))),
                          std::to_string(operation.attempts),
                          age(operation.created_at, now),
                          message};
    if (wide) row.insert(row.end(), {Cell(age(operation.updated_at, now)), Cell(operation.trace_id)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of(const std::vector<QuarantinedView>& quarantine) {
  Table table{{"NAME", "TENANT", "NODE", "PHASE", "ADOPTABLE"}, {}};
  for (const QuarantinedView& one : quarantine)
    table.rows.push_back({one.name, one.id.tenant.str(), one.node, state(one.phase),
                          one.obstacle.empty() ? std::string("yes") : "no: " + one.obstacle});
  return table;
}

std::string render_status(const StatusView& status, WallTime now, bool wide, bool colour) {
  std::string text;
  if (status.restored)
    text += paint("Restored", Colour::kRed, colour) +
            ": nodes know a later history than this store. Nothing is stopped, moved or changed until `unikctl "
            "recover`.\n\n";
  if (!status.quarantine.empty())
    text += section("Quarantine", status.quarantine.size(), table_of(status.quarantine), colour) + "\n";
  return text +
         section("Apps of tenant " + status.tenant, status.apps.size(), table_of(status.apps, now, wide), colour) +
         "\n" + section("Instances", status.instances.size(), table_of(status.instances, now, wide), colour) + "\n" +
         section("Operations", status.operations.size(), table_of(status.operations, now, wide), colour) + "\n" +
         section("Nodes", status.nodes.size(), table_of(status.nodes, now, wide), colour);
}

std::string render_event(const EventView& event, bool colour) {
  return fmt::format("{}  {}  {}  {}{}\n", paint(format_wall_time(event.at), Colour::kDim, colour),
                     paint(std::to_string(event.seq), Colour::kDim, colour),
                     paint(printable(event.object), colour_of_name(event.object), colour),
                     paint(printable(event.reason), colour_of_state(event.reason), colour),
                     event.message.empty() ? "" : ": " + printable(event.message));
}

std::string render_explanation(const Explanation& explanation, bool colour) {
  std::string text = paint(explanation.object, Colour::kBold, colour) + ": " + printable(explanation.summary) + "\n";
  for (const Condition& condition : explanation.conditions) {
    text += "  " + condition.type + "=" + paint(condition.status, colour_of_state(condition.status), colour);
    if (!condition.reason.empty()) text += "/" + printable(condition.reason);
    if (!condition.message.empty()) text += ": " + printable(condition.message);
    text += '\n';
  }
  if (!explanation.reasons.empty()) text += "\nWhy:\n";
  for (std::size_t i = 0; i < explanation.reasons.size(); ++i)
    text += fmt::format("  {}. {}\n", i + 1, printable(explanation.reasons[i]));
  return text;
}

}  // namespace unik::cli
