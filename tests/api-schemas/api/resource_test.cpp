#include "api/resource.hpp"

#include <gtest/gtest.h>

#include "api/instance.hpp"
#include "api/operation.hpp"

namespace unik {
namespace {

TEST(Kinds, AreKnownByEveryNameInAnyCase) {
  for (const Kind kind : {Kind::kApp, Kind::kNode, Kind::kTenant}) {
    const KindNames& names = names_of(kind);
    for (const std::string_view name : {names.kind, names.singular, names.plural, names.short_name})
      EXPECT_EQ(parse_kind(name), kind) << name;
  }
  EXPECT_EQ(parse_kind("APPS"), Kind::kApp);
  EXPECT_EQ(parse_kind("pod"), std::nullopt);
  EXPECT_EQ(parse_kind(""), std::nullopt);
}

TEST(Kinds, FollowTheResource) {
  Resource resource = Tenant{};
  EXPECT_EQ(kind_of(resource), Kind::kTenant);
  metadata_of(resource).name = "team-a";
  EXPECT_EQ(std::get<Tenant>(resource).metadata.name, "team-a");
  EXPECT_TRUE(names_of(Kind::kApp).in_tenant);
  EXPECT_FALSE(names_of(Kind::kNode).in_tenant);
  EXPECT_FALSE(names_of(Kind::kTenant).in_tenant);
}

template <typename Enum, typename Parse>
void expect_names(std::initializer_list<Enum> values, Parse parse) {
  for (const Enum value : values) EXPECT_EQ(parse(to_string(value)), value);
  EXPECT_EQ(parse("no such name"), std::nullopt);
}

TEST(Enumerations, ReadBackTheirNames) {
  expect_names({Phase::kPending, Phase::kRunning, Phase::kExited, Phase::kFailed}, parse_phase);
  expect_names({Health::kNone, Health::kStarting, Health::kHealthy, Health::kUnhealthy}, parse_health);
  expect_names(
      {ExitKind::kExited, ExitKind::kSignaled, ExitKind::kOutOfMemory, ExitKind::kPanicked, ExitKind::kCrashed},
      parse_exit_kind);
  expect_names({OperationKind::kDeploy, OperationKind::kDestroy, OperationKind::kBuild}, parse_operation_kind);
  expect_names(
      {OperationState::kPending, OperationState::kRunning, OperationState::kSucceeded, OperationState::kFailed},
      parse_operation_state);
}

TEST(InstanceStatusPredicates, FollowPhaseAndHealth) {
  InstanceStatus status;
  EXPECT_FALSE(is_ready(status));
  status.phase = Phase::kRunning;
  EXPECT_TRUE(is_ready(status));
  status.health = Health::kStarting;
  EXPECT_FALSE(is_ready(status));
  status.health = Health::kHealthy;
  EXPECT_TRUE(is_ready(status));
  EXPECT_FALSE(is_final(status));
  status.phase = Phase::kExited;
  EXPECT_TRUE(is_final(status));
}

}  // namespace
}  // namespace unik
