#include "cli/output/explanations.hpp"

#include <fmt/format.h>

namespace unik::cli {
namespace {

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// `uses 1500m CPU, of at most 20`
std::string share(std::string_view what, const std::string& used, const std::string& most) {
  return fmt::format("uses {} {}, of {}", used, what, most.empty() ? "any number" : "at most " + most);
}

}  // namespace

Explanation explain(const Operation& operation) {
  Explanation explanation;
  const std::string app = "app/" + operation.target.app.str();
  explanation.object = "operation/" + operation.operation_id;
  explanation.summary = std::string(to_string(operation.state));
  if (!operation.message.empty()) explanation.summary += ": " + operation.message;
  if (operation.build) {
    explanation.reasons.push_back("builds the source " + operation.build->app.spec.source + " for " + app);
    if (operation.attempts > 1)
      explanation.reasons.push_back("was begun " + counted(operation.attempts, "time") +
                                    ", since the controller was restarted meanwhile");
    explanation.reasons.push_back("has a log: unikctl logs " + explanation.object);
  } else {
    explanation.reasons.push_back(
        fmt::format("is the {} of {}, generation {}", to_string(operation.kind), app, operation.generation));
    if (operation.attempts > 1)
      explanation.reasons.push_back(counted(operation.attempts, "start") + " of one instance were tried");
  }
  if (operation.error) {
    const std::string role = operation.state == OperationState::kFailed ? "failed by " : "is held up by ";
    explanation.reasons.push_back(role + operation.error->reason + ": " + operation.error->message);
  } else if (operation.state == OperationState::kPending) {
    explanation.reasons.push_back("nothing is in its way: it waits for its turn");
  }
  explanation.reasons.push_back("was asked for at " + format_wall_time(operation.created_at) + ", is as it is since " +
                                format_wall_time(operation.updated_at) + ", trace " + operation.trace_id);
  explanation.reasons.push_back("its app can tell more: unikctl explain " + app);
  return explanation;
}

Explanation explain(const TenantView& tenant) {
  const TenantSpec& spec = tenant.tenant.spec;
  Explanation explanation;
  explanation.object = "tenant/" + tenant.tenant.metadata.name;
  explanation.summary = counted(tenant.apps, "app") + ", " + counted(tenant.instances, "instance");
  std::vector<std::string>& reasons = explanation.reasons;
  reasons.push_back(share(tenant.used_instances == 1 ? "instance" : "instances", std::to_string(tenant.used_instances),
                          spec.quota.instances ? std::to_string(*spec.quota.instances) : ""));
  reasons.push_back(
      share("CPU", format_milli_cpu(tenant.used.cpu), spec.quota.cpu ? format_milli_cpu(*spec.quota.cpu) : ""));
  reasons.push_back(
      share("memory", format_bytes(tenant.used.memory), spec.quota.memory ? format_bytes(*spec.quota.memory) : ""));
  reasons.push_back("gives an app that names none " + format_milli_cpu(spec.default_resources.cpu) + " CPU and " +
                    format_bytes(spec.default_resources.memory));
  for (const auto& [key, value] : spec.node_selector)
    reasons.push_back("places on nodes with " + key + "=" + value + " alone");
  if (const std::size_t keys = spec.require_signatures.keys.size(); keys > 0)
    reasons.push_back("boots only images signed by " + std::string(keys == 1 ? "the key" : "one of the keys") +
                      " of requireSignatures");
  return explanation;
}

}  // namespace unik::cli
