// Values that several tests print: one app of two replicas, one of them not ready, on one node.
#pragma once

#include "api/views.hpp"

namespace unik::cli {

inline WallTime at(const char* text) {
  return parse_wall_time(text).value();
}

inline const char* const kSampleImage = "web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

inline AppView sample_app() {
  AppView view;
  view.app.metadata.name = "web";
  view.app.metadata.tenant = "default";
  view.app.metadata.uid = 7;
  view.app.metadata.generation = 2;
  view.app.spec.boot.image = kSampleImage;
  view.app.spec.boot.resources = {MilliCpu{500}, mebibytes(128)};
  view.app.spec.boot.ports = {{"http", 8080}};
  view.app.spec.run.publications = {{"http", 8080, 18080}};
  view.app.spec.replicas = 2;
  view.phase = "progressing";
  view.desired = 2;
  view.ready = 1;
  view.up_to_date = 2;
  view.rollout = 42;
  view.restarts = 3;
  view.conditions = {{"Ready", "False", "Starting", "1 of 2 ready"}};
  view.urls = {{"http", "local", "http://127.0.0.1:18080", ""}};
  view.created_at = at("2026-11-22T10:00:00Z");
  view.updated_at = at("2026-11-22T10:01:00Z");
  return view;
}

inline InstanceView sample_instance(std::uint32_t slot) {
  InstanceView view;
  view.id = {Symbol("default"), Symbol("web"), slot, 42, 1};
  view.name = short_name(view.id);
  view.node = "local";
  view.image = kSampleImage;
  view.goal = "run";
  view.status.phase = Phase::kRunning;
  view.status.health = slot == 0 ? Health::kHealthy : Health::kStarting;
  view.status.restarts = slot == 0 ? 0 : 3;
  view.status.boot.fetch = std::chrono::milliseconds(120);
  view.status.boot.prepare = std::chrono::milliseconds(14);
  view.status.boot.start = std::chrono::milliseconds(240);
  view.status.boot.first_byte = std::chrono::milliseconds(203);
  view.status.boot.total = std::chrono::milliseconds(337);
  view.status.boot.healthy = slot == 0 ? std::chrono::milliseconds(1300) : std::chrono::milliseconds(0);
  view.created_at = at("2026-11-22T10:00:00Z");
  return view;
}

inline Operation sample_operation() {
  Operation operation;
  operation.operation_id = "op-42-0";
  operation.kind = OperationKind::kDeploy;
  operation.state = OperationState::kRunning;
  operation.target = {Symbol("default"), Symbol("web")};
  operation.attempts = 2;
  operation.message = "1 of 2 ready, starting";
  operation.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  operation.created_at = at("2026-11-22T10:00:00Z");
  operation.updated_at = at("2026-11-22T10:00:30Z");
  return operation;
}

inline NodeView sample_node() {
  NodeView view;
  view.node.metadata.name = "local";
  view.node.metadata.labels = {{"zone", "a"}};
  view.labels = view.node.metadata.labels;
  view.health = "ready";
  NodeInfo info;
  info.accelerator = "tcg";
  info.accelerator_reason = "/dev/kvm is not there";
  info.vmm_version = "QEMU 7.2.18";
  info.agent_version = "0.1.0";
  view.info = info;
  view.allocatable = {MilliCpu{2000}, mebibytes(4096)};
  view.assigned = {MilliCpu{1000}, mebibytes(384)};
  view.instances = 2;
  view.last_report_ago = std::chrono::seconds(3);
  view.created_at = at("2026-11-22T09:00:00Z");
  return view;
}

inline StatusView sample_status() {
  StatusView view;
  view.revision = 43;
  view.tenant = "default";
  view.apps = {sample_app()};
  view.instances = {sample_instance(0), sample_instance(1)};
  view.operations = {sample_operation()};
  view.nodes = {sample_node()};
  return view;
}

inline ApplyReply sample_reply() {
  ApplyReply reply;
  reply.revision = 44;
  AppliedObject web;
  web.name = "web";
  web.tenant = "default";
  web.verb = ApplyVerb::kUpdated;
  web.generation = 3;
  web.effect = ChangeEffect::kReplace;
  web.changes = {{"spec.replicas", "1", "3", ChangeEffect::kNone},
                 {"spec.env.LEVEL", "", "\"info\"", ChangeEffect::kReplace},
                 {"spec.health", "{\"interval\":\"5s\"}", "", ChangeEffect::kInPlace}};
  AppliedObject node;
  node.kind = Kind::kNode;
  node.name = "n1";
  node.verb = ApplyVerb::kCreated;
  node.changes = {{"spec.schedulable", "", "true", ChangeEffect::kNone}};
  AppliedObject same;
  same.kind = Kind::kTenant;
  same.name = "default";
  reply.objects = {web, node, same};
  return reply;
}

}  // namespace unik::cli
