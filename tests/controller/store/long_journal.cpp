#include "tests/controller/store/long_journal.hpp"

#include "controller/loop.hpp"

namespace unik::controller {
namespace {

Change tenant_change(std::uint64_t seq) {
  Tenant tenant;
  tenant.metadata.name = "team-" + std::to_string(seq % 3);
  tenant.metadata.uid = 1 + seq;
  tenant.metadata.generation = seq;
  return PutTenant{TenantRow{std::move(tenant), minute(seq)}};
}

Change template_change(std::uint64_t seq) {
  BootSpec boot;
  boot.image = "web@sha256:" + std::string(64, 'a');
  boot.env = {{"NOTE", std::string(5000, static_cast<char>('a' + seq % 26))}};
  return PutTemplate{{{Symbol("default"), Symbol("web")}, seq % 3 + 1}, std::move(boot)};
}

Change instance_change(std::uint64_t seq) {
  InstanceRow row;
  InstanceStatus status;
  status.reason = "no_eligible_node";
  status.restarts = static_cast<std::uint32_t>(seq);
  row.status = std::move(status);
  row.created_at = minute(seq);
  return PutInstance{{Symbol("default"), Symbol("web"), static_cast<std::uint32_t>(seq % 7), 1, 1}, std::move(row)};
}

Record record_of(std::uint64_t seq) {
  Record record;
  record.seq = seq;
  record.epoch = {0, 1};
  record.at = minute(seq);
  record.actor = seq % 2 == 0 ? "controller" : "node/n1";
  record.changes.push_back(instance_change(seq));
  if (seq % 5 != 0) return record;
  record.actor = "uid/1000";
  record.trace_id = "trace-" + std::to_string(seq);
  record.changes.push_back(tenant_change(seq));
  if (seq % 10 == 0) record.changes.push_back(template_change(seq));
  record.changes.push_back(PutAnswer{"key-" + std::to_string(seq % 4), AnswerRow{seq, {}, minute(seq)}});
  return record;
}

}  // namespace

WallTime minute(std::uint64_t number) {
  return WallTime(std::chrono::minutes(number));
}

std::vector<Record> long_journal(std::uint64_t count) {
  std::vector<Record> records = {first_record("cluster", minute(1))};
  for (std::uint64_t seq = 2; seq <= count; ++seq) records.push_back(record_of(seq));
  return records;
}

}  // namespace unik::controller
