// One file of tests/scenarios: what is there, what is asked, and what the controller decides on it. README.md beside
// this file describes the form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "controller/core/admit.hpp"
#include "controller/core/builds.hpp"
#include "controller/core/recovery.hpp"
#include "controller/core/steer.hpp"
#include "controller/core/world.hpp"

namespace unik::controller::scenario {

// `lose` and `add` of `unikctl whatif`.
struct WhatIf {
  std::vector<std::string> lose;
  ApplyRequest add;
};

// What a user or an agent asks in the turn that is planned; at most one.
struct Asked {
  std::optional<ApplyRequest> apply;
  std::optional<Error>
      unreadable;  // what the manifests of an apply or deploy are refused with before anybody admits them
  std::optional<DeleteRequest> remove;
  std::optional<CordonRequest> cordon;
  std::optional<RegisterRequest> join;
  std::optional<DrainRequest> drain;
  std::optional<RolloutRequest> rollout;
  std::optional<QuarantineRequest> quarantine;
  std::optional<BuildRequest> build;
  std::optional<ApplyRequest> dry_run;
  std::optional<WhatIf> whatif;
  Symbol tenant;    // who asks the last two; empty: nobody's tenant
  std::string key;  // the Idempotency-Key that it comes with
};

// `refused` is the Error's text; otherwise every step and every reason, in order. Of what would happen alone: where
// instances would go, and what is said beside that.
struct Outcome {
  std::string refused;
  std::vector<std::string> steps;
  std::vector<std::string> reasons;
  std::vector<std::string> placements;
  std::vector<std::string> notes;

  bool operator==(const Outcome&) const = default;
};

// Of the request that is asked; another one's is different.
inline constexpr std::uint64_t kOwnRequest = 1;

// As it stands in a file, below `expect:`.
std::string to_text(const Outcome& outcome);

struct Scenario {
  std::string title;
  World world;
  Now now;
  Asked asked;
  Outcome expected;
};

// Every mistake in a file is an Error that names the line: a key that nobody reads would be a check that nobody makes.
Result<Scenario> read_scenario(const std::string& name, const std::string& text);

// What one turn of the controller makes of it: admission, then a plan of everything. Also an Error when a second plan,
// made on what the first one left, would still change something.
Result<Outcome> play(const Scenario& scenario);

}  // namespace unik::controller::scenario
