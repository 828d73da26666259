#include "controller/core/admit.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <utility>

#include "controller/core/field_diff.hpp"
#include "tests/api-schemas/codec/values.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

App random_app() {
  App app;
  app.metadata.name = "web";
  app.metadata.tenant = kDefaultTenant;
  app.metadata.labels = values::labels();
  app.spec = values::app_spec();
  app.spec.source.clear();
  if (app.spec.boot.image.empty()) app.spec.boot.image = values::image();
  return app;
}

// Takes some members over from another App; the binding fails to compile when a BootSpec has one more.
void take_some(App& app, const App& other) {
  auto& [image, args, env, resources, ports, writable, singleton, debug, restart, check] = app.spec.boot;
  const BootSpec& boot = other.spec.boot;
  if (values::below(6) == 0) image = boot.image;
  if (values::below(6) == 0) args = boot.args;
  if (values::below(6) == 0) env = boot.env;
  if (values::below(6) == 0) resources = boot.resources;
  if (values::below(6) == 0) ports = boot.ports;
  if (values::below(6) == 0) writable = boot.writable;
  if (values::below(6) == 0) singleton = boot.singleton;
  if (values::below(6) == 0) debug = boot.debug;
  if (values::below(3) == 0) app.spec.run = other.spec.run;
  check = target_of(app.spec.run.health);
  if (values::below(3) == 0) app.spec.placement = other.spec.placement;
  if (values::below(3) == 0) app.spec.replicas = other.spec.replicas;
}

TEST(Effect, IsARestartExactlyWhereTheTemplateDiffersAndAFieldSaysSo) {
  EXPECT_TRUE(rc::check("effect", [] {
    const App before = random_app();
    App after = before;
    take_some(after, random_app());
    const Resource from(before);
    const Resource to(after);
    const bool other_vm = before.spec.boot != after.spec.boot;
    RC_ASSERT((effect_between(from, to) >= ChangeEffect::kRestart) == other_vm);
    ChangeEffect strongest = ChangeEffect::kNone;
    for (const FieldChange& change : field_changes(&from, &to)) strongest = std::max(strongest, change.effect);
    RC_ASSERT(strongest == effect_between(from, to));
  }));
}

TEST(Effect, OfASingletonIsARestart) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web"));
  App app = PlannedWorld::app("web");
  app.spec.boot.singleton = Singleton::kStrict;
  planned.step([&](Draft& draft) {
    ApplyRequest request;
    request.resources.emplace_back(app);
    const Result<ApplyReply> reply = admit_apply(draft, request);
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ(reply->objects.front().effect, ChangeEffect::kRestart);
    ASSERT_EQ(reply->objects.front().changes.size(), 1U);
    EXPECT_EQ(reply->objects.front().changes.front().path, "spec.singleton");
    EXPECT_EQ(reply->objects.front().changes.front().effect, ChangeEffect::kRestart);
  });
}

TEST(FieldChanges, OfANewObjectAreAllThatItHas) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.step([&](Draft& draft) {
    ApplyRequest request;
    for (const char* name : {"a", "b"}) request.resources.emplace_back(PlannedWorld::app(name));
    const Result<ApplyReply> reply = admit_apply(draft, request);
    ASSERT_TRUE(reply.ok());
    for (const AppliedObject& object : reply->objects) {
      const Resource stored(*draft.world().apps.find({Symbol("default"), Symbol(object.name)})->app);
      EXPECT_EQ(object.verb, ApplyVerb::kCreated);
      EXPECT_EQ(object.changes, field_changes(nullptr, &stored)) << object.name;
    }
  });
}

TEST(FieldChanges, SpellNewLinesAsPeopleDo) {
  App app = PlannedWorld::app("web");
  const Resource before(app);
  app.spec.boot.env["MOTD"] = "a\nb\t\x01";
  const Resource after(app);
  const std::vector<FieldChange> changes = field_changes(&before, &after);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes.front().to, R"("a\nb\t\u0001")");
}

// A tenant that was stored by a release that wanted less.
TEST(Admit, RefusesWhatATenantsDefaultsLeaveTooSmall) {
  PlannedWorld planned;
  planned.step([](Draft& draft) {
    Tenant tenant;
    tenant.metadata.name = kDefaultTenant;
    tenant.spec.default_resources = {MilliCpu{1}, mebibytes(24)};
    draft.change(PutTenant{TenantRow{tenant, {}}});
  });
  planned.step([](Draft& draft) {
    ApplyRequest request;
    App app = PlannedWorld::app("web");
    app.spec.boot.resources = {};
    request.resources.emplace_back(app);
    const Result<ApplyReply> reply = admit_apply(draft, request);
    ASSERT_FALSE(reply.ok());
    ASSERT_EQ(reply.error().details.size(), 2U);
    EXPECT_EQ(to_string(reply.error().details[0]), "app/web: spec.resources.memory: want at least 40Mi, got 24Mi");
    EXPECT_EQ(to_string(reply.error().details[1]), "app/web: spec.resources.cpu: want at least 10m, got 1m");
  });
}

// What `get -o yaml` gave is applied again: as it is it changes nothing, later it is refused.
TEST(Admit, TakesWhatWasReadUntilItIsStale) {
  PlannedWorld planned;
  planned.deploy(PlannedWorld::app("web", 1));
  const App read = *planned.world().apps.find({Symbol("default"), Symbol("web")})->app;
  ASSERT_NE(read.metadata.generation, 0U);
  const auto apply = [&](const App& app) {
    Result<ApplyReply> reply = internal("unasked", "");
    planned.step([&](Draft& draft) {
      ApplyRequest request;
      request.resources.emplace_back(app);
      reply = admit_apply(draft, request);
    });
    return reply;
  };
  Result<ApplyReply> reply = apply(read);
  ASSERT_TRUE(reply.ok()) << to_string(reply.error());
  EXPECT_EQ(reply->objects.front().verb, ApplyVerb::kUnchanged);

  App edited = read;
  edited.spec.replicas = 2;
  ASSERT_TRUE(apply(edited).ok());
  EXPECT_EQ(apply(edited)->objects.front().verb, ApplyVerb::kUnchanged) << "the same file, applied twice";
  reply = apply(read);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kConflict);
  EXPECT_EQ(reply.error().reason, "stale_generation");
}

App on_port(const std::string& name, std::uint16_t host_port) {
  App app = PlannedWorld::app(name);
  app.spec.run.publications = {{"http", 8080, host_port}};
  return app;
}

std::string reason_of(PlannedWorld& planned, std::vector<App> apps) {
  std::string reason;
  planned.step([&](Draft& draft) {
    ApplyRequest request;
    for (App& app : apps) request.resources.emplace_back(std::move(app));
    const Result<ApplyReply> reply = admit_apply(draft, request);
    reason = reply ? "" : reply.error().reason;
  });
  return reason;
}

// All or nothing, and what counts is how it ends: the order of the files means nothing.
TEST(HostPorts, GoFromOneAppToAnotherInOneRequest) {
  for (const bool taker_first : {true, false}) {
    PlannedWorld planned;
    planned.add_node("n1");
    planned.deploy(on_port("a", 19080));
    planned.deploy(on_port("b", 19081));
    std::vector<App> moved{on_port("a", 19089), on_port("b", 19080)};
    if (taker_first) std::swap(moved[0], moved[1]);
    EXPECT_EQ(reason_of(planned, moved), "") << taker_first;
    EXPECT_EQ(reason_of(planned, {on_port("a", 19080), on_port("b", 19089)}), "") << "a swap";
    EXPECT_EQ(reason_of(planned, {on_port("a", 19089)}), "host_port_taken");
    std::vector<App> wants{on_port("b", 19089), on_port("c", 19089)};
    if (taker_first) std::swap(wants[0], wants[1]);
    EXPECT_EQ(reason_of(planned, wants), "host_port_taken") << "b has it and keeps it, wherever it stands";
    EXPECT_EQ(reason_of(planned, {on_port("a", 19090), on_port("b", 19090)}), "invalid_spec");
  }
}

TEST(FirstAnswer, IsFoundUnderAKeyFromBeforeTenantsHadTheirOwn) {
  World world;
  ApplyReply reply;
  reply.revision = 7;
  world.answers.set("k", AnswerRow{1, reply, {}});
  const auto again = first_answer(world, "team-a/k", 1);
  ASSERT_TRUE(again && again->ok());
  EXPECT_EQ((*again)->revision, 7U);
  EXPECT_FALSE(first_answer(world, "team-b/k", 2)) << "it may be another tenant's";
  world.answers.set("team-a/k", AnswerRow{2, reply, {}});
  EXPECT_EQ(first_answer(world, "team-a/k", 1)->error().reason, "idempotency_key_reused");
}

}  // namespace
}  // namespace unik::controller
