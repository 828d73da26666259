// One app's way from one template to the next: what the policy of rollout.hpp decides is carried out here, and what
// comes of it is written down: done, promoted, paused, rolled back.
#pragma once

#include "controller/core/plan.hpp"
#include "controller/core/rollout.hpp"
#include "controller/core/rollout_gates.hpp"

namespace unik::controller {

// Keeps the clocks of the app's instances and of its rollout, and gathers what the policy needs.
RolloutFacts gather_facts(Draft& draft, const AppName& name);

// A rollout that must not go on goes back to the last template that served, once; then it is paused. True when it was
// given up: the app, which that touches, is planned anew.
bool give_up_if_failed(Draft& draft, const AppName& name, const RolloutFacts& facts);

// Writes down how far it has come, and asks to be woken when waiting alone may change something.
void note_progress(Draft& draft, const AppName& name, const RolloutFacts& facts, const RolloutSteps& steps);

// Makes `boot` the app's current template, under a number of its own. `automatic`: nobody asked for it.
void begin_rollout(AppRow& row, Draft& draft, BootSpec boot, bool automatic, std::string message);

// Turns what the app declares into the check of an instance of `rollout`, whose template is `boot`: it is asked what it
// was born to answer, at the declared pace, or where no check is declared any more, at the one that came with it.
void aim_check(std::optional<HealthCheck>& health, const AppRow& row, std::uint64_t rollout, const BootSpec& boot);

// The newest template that served as a whole, of those that are not the current one: where that is a restart, of the
// template before it too. None when there is none.
const TemplateNote* last_good(const World& world, const AppName& name, const AppRow& row);

// The newest template that served as a whole and is not what the app declares, restarted or not.
const TemplateNote* last_good_undeclared(const World& world, const AppName& name, const AppRow& row);

// Goes back to `last_good`. False when there is none.
bool roll_back(Draft& draft, const AppName& name, const Verdict& verdict, bool automatic);

}  // namespace unik::controller
