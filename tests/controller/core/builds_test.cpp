#include "controller/core/builds.hpp"

#include <gtest/gtest.h>

#include "controller/core/retention.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

const std::string kImage = "web@sha256:" + std::string(64, 'b');

class Builds : public ::testing::Test {
 protected:
  Builds() { planned_.add_node("n1"); }

  static BuildRequest request(const std::string& name = "web", char source = '1') {
    BuildRequest request;
    request.app = PlannedWorld::app(name);
    request.app.spec.boot.image.clear();
    request.app.spec.source = "sha256:" + std::string(64, source);
    request.actor = "uid/1";
    request.trace_id = "trace-of-" + name;
    return request;
  }

  Result<ApplyReply> ask(const BuildRequest& request) {
    Result<ApplyReply> reply = internal("not_asked", "");
    step([&](Draft& draft) { reply = admit_build(draft, request); });
    return reply;
  }
  OperationKey ask_for_one(const BuildRequest& request) {
    const Result<ApplyReply> reply = ask(request);
    EXPECT_TRUE(reply.ok()) << to_string(reply.error());
    return *parse_operation_key(reply->operations.front().operation_id);
  }
  // As a loop whose builder does what it is told.
  void step(const std::function<void(Draft&)>& what) {
    planned_.step([&](Draft& draft) {
      what(draft);
      steer_builds(draft, begun_);
    });
    begun_.reset();
    for (const auto& [key, nothing] : planned_.world().unfinished_builds)
      if (at(key).state == OperationState::kRunning) begun_ = key;
  }
  void settle(const OperationKey& key, const BuildOutcome& outcome) {
    step([&](Draft& draft) { settle_build(draft, key, outcome); });
  }
  void restart() {
    begun_.reset();
    step([](Draft&) {});
  }
  const Operation& at(const OperationKey& key) { return **planned_.world().operations.find(key); }
  std::string state_of(const OperationKey& key) {
    return std::string(to_string(at(key).state)) + (at(key).error ? " " + at(key).error->reason : "");
  }
  const AppRow* app(const std::string& name = "web") {
    return planned_.world().apps.find({Symbol("default"), Symbol(name)});
  }

  PlannedWorld planned_;
  std::optional<OperationKey> begun_;
};

TEST_F(Builds, WhatWasBuiltIsDeployedAndNothingOfTheAppMovesBefore) {
  const OperationKey build = ask_for_one(request());
  EXPECT_EQ(state_of(build), "running");
  EXPECT_EQ(at(build).attempts, 1U);
  EXPECT_EQ(app(), nullptr);
  settle(build, {kImage, std::nullopt});
  EXPECT_EQ(state_of(build), "succeeded");
  EXPECT_EQ(at(build).build->image, kImage);
  ASSERT_NE(app(), nullptr);
  EXPECT_EQ(app()->app->spec.boot.image, kImage);
  EXPECT_EQ(app()->app->spec.source, "");
  EXPECT_EQ(app()->trace_id, "trace-of-web");
  const OperationKey deploy = *parse_operation_key(at(build).build->deploy);
  EXPECT_EQ(at(deploy).kind, OperationKind::kDeploy);
  planned_.report_all();
  EXPECT_EQ(state_of(deploy), "succeeded");
}

// One that an older controller kept has it in its App, too.
TEST_F(Builds, WhatIsDeclaredHasNoRuntimeBesideItsImage) {
  BuildRequest on_python = request();
  on_python.app.spec.runtime = "python";
  settle(ask_for_one(on_python), {kImage, std::nullopt});
  ASSERT_NE(app(), nullptr);
  EXPECT_EQ(app()->app->spec.runtime, "");
}

TEST_F(Builds, AFailureLeavesTheAppAsItIsAndSaysWhy) {
  planned_.deploy(PlannedWorld::app("web"));
  const App before = *app()->app;
  const OperationKey build = ask_for_one(request());
  settle(build, {"", invalid("build_failed", "the build failed; its end:\nhello.c:1: error")});
  EXPECT_EQ(state_of(build), "failed build_failed");
  EXPECT_EQ(at(build).message, "the build failed; its end:") << "one line for lists";
  EXPECT_EQ(at(build).error->trace_id, "trace-of-web");
  EXPECT_EQ(*app()->app, before);
}

TEST_F(Builds, WhatCouldNotBeDeclaredIsNotBuilt) {
  BuildRequest nobody = request();
  nobody.app.metadata.tenant = "nobody";
  EXPECT_EQ(ask(nobody).error().reason, "invalid_spec");
  Tenant tenant;
  tenant.metadata.name = "default";
  tenant.spec.quota.instances = 1;
  planned_.step([&](Draft& draft) {
    ApplyRequest apply;
    apply.resources.push_back(tenant);
    EXPECT_TRUE(admit_apply(draft, apply).ok());
  });
  BuildRequest large = request();
  large.app.spec.replicas = 2;
  EXPECT_EQ(ask(large).error().reason, "quota_instances_exceeded");
  EXPECT_TRUE(planned_.world().unfinished_builds.empty());
}

// The quota was taken by another app while the build went on.
TEST_F(Builds, WhatIsRefusedAfterTheBuildFailsIt) {
  const OperationKey build = ask_for_one(request());
  Tenant tenant;
  tenant.metadata.name = "default";
  tenant.spec.quota.instances = 1;
  step([&](Draft& draft) {
    ApplyRequest apply;
    apply.resources.push_back(tenant);
    apply.resources.push_back(PlannedWorld::app("other"));
    EXPECT_TRUE(admit_apply(draft, apply).ok());
  });
  settle(build, {kImage, std::nullopt});
  EXPECT_EQ(state_of(build), "failed quota_instances_exceeded");
  EXPECT_EQ(app(), nullptr);
}

TEST_F(Builds, OneIsUnderWayAtATimeAndTheOldestComesFirst) {
  const OperationKey first = ask_for_one(request("a"));
  const OperationKey second = ask_for_one(request("b"));
  EXPECT_EQ(state_of(first), "running");
  EXPECT_EQ(state_of(second), "pending");
  settle(first, {"", invalid("build_failed", "no")});
  EXPECT_EQ(state_of(second), "running");
}

TEST_F(Builds, AreInNobodysTurn) {
  planned_.world().max_operations = 1;
  ask_for_one(request("a"));
  const Operation deploy = planned_.deploy(PlannedWorld::app("web"));
  EXPECT_EQ(planned_.operation(deploy).state, OperationState::kRunning);
}

TEST_F(Builds, TheSameAskedForAgainIsTheSameOperation) {
  const OperationKey build = ask_for_one(request());
  const std::uint64_t revision = planned_.world().revision;
  EXPECT_EQ(ask_for_one(request()), build);
  EXPECT_EQ(planned_.world().revision, revision);
}

TEST_F(Builds, WhatWasBuiltOnceIsKnownUntilTheSourceOrWhatItIsBuiltForDiffers) {
  EXPECT_EQ(built_image(planned_.world(), request()), "");
  settle(ask_for_one(request()), {kImage, std::nullopt});
  BuildRequest again = request();
  again.app.spec.replicas = 3;
  EXPECT_EQ(built_image(planned_.world(), again), kImage) << "how often it runs is no matter of the build";
  EXPECT_EQ(built_image(planned_.world(), request("web", '2')), "");
  again.runtime = "python@1";
  EXPECT_EQ(built_image(planned_.world(), again), "");
  again = request();
  again.app.spec.boot.debug = true;
  EXPECT_EQ(built_image(planned_.world(), again), "");
}

TEST_F(Builds, ANewerSourceTakesThePlaceOfAnOlderOne) {
  const OperationKey older = ask_for_one(request("web", '1'));
  const OperationKey newer = ask_for_one(request("web", '2'));
  EXPECT_EQ(state_of(older), "failed superseded");
  EXPECT_EQ(state_of(newer), "running");
  settle(older, {kImage, std::nullopt});
  EXPECT_EQ(app(), nullptr) << "what comes of it is too late";
}

// The app keeps its generation all the while: nothing else would end the newer build.
TEST_F(Builds, AnEarlierSourceThatIsAskedForAgainTakesThePlaceOfOneThatIsBeingBuilt) {
  settle(ask_for_one(request("web", '1')), {kImage, std::nullopt});
  planned_.report_all();
  const App before = *app()->app;
  const OperationKey newer = ask_for_one(request("web", '2'));
  BuildRequest again = request("web", '1');
  again.image = kImage;
  const Result<ApplyReply> reply = ask(again);
  ASSERT_TRUE(reply.ok()) << to_string(reply.error());
  EXPECT_EQ(reply->operations.front().kind, OperationKind::kDeploy);
  EXPECT_EQ(reply->revision, planned_.world().revision);
  EXPECT_EQ(state_of(newer), "failed superseded");
  settle(newer, {"web@sha256:" + std::string(64, 'c'), std::nullopt});
  EXPECT_EQ(*app()->app, before);
}

TEST_F(Builds, AnEarlierSourceThatIsRefusedLeavesTheBuildAlone) {
  const OperationKey newer = ask_for_one(request("web", '2'));
  BuildRequest again = request("web", '1');
  again.image = kImage;
  again.app.metadata.tenant = "nobody";
  EXPECT_EQ(ask(again).error().reason, "invalid_spec");
  EXPECT_EQ(state_of(newer), "running");
}

TEST_F(Builds, WhatWasDeclaredMeanwhileIsNotReplaced) {
  planned_.deploy(PlannedWorld::app("web"));
  const OperationKey build = ask_for_one(request());
  step([&](Draft& draft) {
    ApplyRequest apply;
    apply.resources.push_back(PlannedWorld::app("web", 2));
    EXPECT_TRUE(admit_apply(draft, apply).ok());
  });
  EXPECT_EQ(state_of(build), "failed superseded");
}

TEST_F(Builds, AnAppThatWasDestroyedMeanwhileStaysSo) {
  planned_.deploy(PlannedWorld::app("web"));
  const OperationKey build = ask_for_one(request());
  step([&](Draft& draft) { EXPECT_TRUE(admit_delete(draft, {Kind::kApp, "default", {"web"}, "trace"}).ok()); });
  EXPECT_EQ(state_of(build), "failed destroyed");
}

TEST_F(Builds, AFirstOneIsTakenBackByADestroyOfTheAppThatIsNotThereYet) {
  const OperationKey build = ask_for_one(request());
  Result<ApplyReply> reply = internal("not_asked", "");
  const auto destroy = [&](const std::vector<std::string>& names) {
    step([&](Draft& draft) { reply = admit_delete(draft, {Kind::kApp, "default", names, "trace"}); });
  };
  destroy({"web", "nobody"});
  EXPECT_EQ(reply.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(state_of(build), "running") << "all or none";
  destroy({"web"});
  ASSERT_TRUE(reply.ok()) << to_string(reply.error());
  EXPECT_EQ(state_of(build), "failed destroyed");
  ASSERT_EQ(reply->operations.size(), 1U);
  EXPECT_EQ(reply->operations.front(), at(build));
  EXPECT_TRUE(reply->objects.empty());
  EXPECT_EQ(reply->revision, planned_.world().revision);
  settle(build, {kImage, std::nullopt});
  EXPECT_EQ(app(), nullptr);
  destroy({"web"});
  EXPECT_EQ(reply.error().code, ErrorCode::kNotFound);
}

// It is of the next app of that name, which the destroy of the one before does not end by itself.
TEST_F(Builds, ADestroyWhileTheAppIsGoingEndsTheBuildOfTheNextOneToo) {
  planned_.deploy(PlannedWorld::app("web"));
  planned_.report_all();
  const auto destroy = [&](Draft& draft) {
    EXPECT_TRUE(admit_delete(draft, {Kind::kApp, "default", {"web"}, "trace"}).ok());
  };
  step(destroy);
  ASSERT_NE(app(), nullptr);
  const OperationKey build = ask_for_one(request());
  EXPECT_EQ(state_of(build), "running");
  step(destroy);
  EXPECT_EQ(state_of(build), "failed destroyed");
}

TEST_F(Builds, ARestartBeginsItAgainButNotForEver) {
  const OperationKey build = ask_for_one(request());
  restart();
  EXPECT_EQ(state_of(build), "running");
  EXPECT_EQ(at(build).attempts, 2U);
  for (std::uint32_t attempt = 3; attempt <= kMaxBuildAttempts; ++attempt) restart();
  EXPECT_EQ(state_of(build), "running");
  restart();
  EXPECT_EQ(state_of(build), "failed build_interrupted");
}

TEST_F(Builds, NothingIsBegunWhileTheHistoryIsLost) {
  planned_.world().history_lost = true;
  ask_for_one(request());
  EXPECT_EQ(at(planned_.world().unfinished_builds.begin()->first).state, OperationState::kPending);
}

TEST_F(Builds, TheQueueIsBounded) {
  for (std::size_t i = 0; i < kMaxUnfinishedBuilds; ++i) ask_for_one(request("app" + std::to_string(i)));
  EXPECT_EQ(ask(request("one-more")).error().reason, "too_many_builds");
  EXPECT_TRUE(ask(request("app7", '2')).ok()) << "it takes the place of one";
  planned_.step([](Draft& draft) { drop_expired(draft); });
  EXPECT_EQ(planned_.world().unfinished_builds.size(), kMaxUnfinishedBuilds) << "what is not done is kept";
}

}  // namespace
}  // namespace unik::controller
