// One of each view, with every field that it can have.
#pragma once

#include <string>

#include "api/views.hpp"

namespace unik::samples {

inline WallTime at(const char* text) {
  return parse_wall_time(text).value();
}

inline const std::string kImage = "web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

inline AppView app() {
  AppView view;
  view.app.metadata.name = "web";
  view.app.metadata.tenant = "default";
  view.app.metadata.uid = 7;
  view.app.metadata.generation = 2;
  view.app.spec.boot.image = kImage;
  view.app.spec.boot.resources = {MilliCpu{500}, mebibytes(64)};
  view.phase = "ready";
  view.desired = 2;
  view.ready = 1;
  view.up_to_date = 2;
  view.rollout = 42;
  view.restarts = 3;
  view.conditions = {{"Ready", "False", "Starting", "1 of 2 \"ready\""}};
  view.urls = {{"http", "n1", "http://127.0.0.1:1", ""}, {"metrics", "n1", "", "the port is taken"}};
  view.created_at = at("2026-11-22T10:00:00.004Z");
  view.updated_at = at("2026-11-22T10:01:00Z");
  return view;
}

inline InstanceView instance() {
  InstanceView view;
  view.id = {Symbol("default"), Symbol("web"), 0, 42, 1};
  view.name = "web-0-r42-1";
  view.node = "n1";
  view.image = kImage;
  view.goal = "run";
  view.status.phase = Phase::kExited;
  view.status.last_exit = Exit{ExitKind::kSignaled, 9};
  view.status.started_at = at("2026-11-22T10:00:01Z");
  view.status.boot.total = Duration(337'000);
  view.node_unknown = true;
  view.created_at = at("2026-11-22T10:00:00Z");
  return view;
}

inline Operation operation() {
  Operation value;
  value.operation_id = "op-42-0";
  value.state = OperationState::kFailed;
  value.target = {Symbol("default"), Symbol("web")};
  value.started = true;
  value.error = unavailable("no_eligible_node", "0 of 1 nodes fit");
  value.error->details = {{"app.yaml", 3, 7, "spec.replicas", "want a number"}};
  value.created_at = at("2026-11-22T10:00:00Z");
  value.updated_at = at("2026-11-22T10:00:02Z");
  return value;
}

inline Operation build_operation() {
  Operation value = operation();
  value.kind = OperationKind::kBuild;
  App app;
  app.metadata.name = "web";
  app.metadata.tenant = kDefaultTenant;
  app.spec.source = "sha256:" + std::string(64, 'a');
  value.build = BuildOrder{std::move(app), "python@1.2.0", "uid/0", kImage, "op-43-0"};
  return value;
}

inline NodeView node() {
  NodeView view;
  view.node.metadata.name = "n1";
  view.node.metadata.labels = {{"zone", "a"}};
  view.labels = {{"rack", "r1"}, {"zone", "a"}};
  view.health = "unknown";
  view.info = NodeInfo{};
  view.agent_start = 7;
  view.info->accelerator = "tcg";
  view.info->overhead = mebibytes(64);
  view.allocatable = {MilliCpu{2000}, mebibytes(1024)};
  view.assigned = {MilliCpu{500}, mebibytes(128)};
  view.used = {MilliCpu{100}, mebibytes(90)};
  view.instances = 1;
  view.last_report_ago = Duration(3'000'000);
  view.conditions = {{"Ready", "Unknown", "Silent", "no report for 1m"}};
  view.created_at = at("2026-11-22T09:00:00Z");
  return view;
}

inline TenantView tenant() {
  TenantView view;
  view.tenant.metadata.name = "team-a";
  view.apps = 2;
  view.instances = 5;
  view.assigned = {MilliCpu{1}, Bytes{2}};
  view.declared_instances = 4;
  view.declared = {MilliCpu{3}, Bytes{4}};
  view.used_instances = 5;
  view.used = {MilliCpu{6}, Bytes{7}};
  view.created_at = at("2026-11-22T09:00:00Z");
  return view;
}

inline QuarantinedView quarantined() {
  return {"n2", {Symbol("default"), Symbol("web"), 1, 42, 1}, "web-1-r42-1", "running", "no app"};
}

inline StatusView status_view() {
  return {43, "default", {app()}, {instance()}, {operation(), build_operation()}, {node()}, true, {quarantined()}};
}

inline ApplyReply apply_reply() {
  AppliedObject object;
  object.tenant = "default";
  object.name = "web";
  object.verb = ApplyVerb::kUpdated;
  object.generation = 3;
  object.effect = ChangeEffect::kReplace;
  object.changes = {{"spec.replicas", "1", "2", ChangeEffect::kNone},
                    {"spec.env.A", "", "\"x\"", ChangeEffect::kReplace}};
  return {44,
          true,
          {object},
          {operation(), build_operation()},
          {{"default", "web-0-r42-1", "n1", "placed", "its node is new"}},
          {"most nodes are silent"}};
}

inline RolloutView rollout_view() {
  RolloutView view;
  view.tenant = "default";
  view.app = "web";
  view.strategy = "canary";
  view.phase = "paused";
  view.reason = "crash_loop";
  view.message = "web-0-r42-1 is crash_loop";
  view.rollout = 42;
  view.desired = 3;
  view.updated = 1;
  view.old = 2;
  view.promoted = true;
  view.holds = {"web-1-r17-1: the canaries come first"};
  view.history = {{42, at("2026-11-22T10:00:00Z"), 3, "a@sha256:1", "failed", true, "back to 17", 2}};
  return view;
}

inline EventView event_view() {
  return {42, at("2026-11-22T10:00:00Z"), "uid/0", "t", "app/web", "default", "created", "new"};
}

inline Explanation explanation() {
  return {"app/web", "pending", {{"Ready", "False", "R", "m"}}, {"because", "and so"}};
}

}  // namespace unik::samples
