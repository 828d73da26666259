// Which goals a node takes, and what they say of each instance.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/core/instance.hpp"

namespace unik::agent {

enum class GoalsVerdict : std::uint8_t { kTake, kKnown, kStale, kForeign };

std::string_view to_string(GoalsVerdict verdict);

// Whether goals stamped `offered` replace those stamped `held`, the newest that the node has stored or is storing. A
// late or doubled message is kKnown or kStale; kForeign is another cluster's. A node that holds none takes any.
GoalsVerdict judge(const Stamp& held, const Stamp& offered);

// An id is booted from one BootSpec, ever: where `offered` has another one than `held` for the same id, that of `held`
// stays in. Returns the ids that this befell.
std::vector<InstanceId> keep_boots(const Goals& held, Goals& offered);

// Makes what is wanted of each instance equal to `goals`, adding those that are not known yet (without a record) and
// wanting nothing of those that are not named. Returns those of which something is wanted otherwise.
std::set<InstanceId> apply_goals(const Goals& goals, Instances& instances, Time now);

// Whose requests `offered` differs from `held` for: of each instance of which something else is wanted, or that is no
// longer named. Empty where nobody's request did it, as after a controller's recovery.
std::set<std::string> traces_between(const Goals& held, const Goals& offered);

WantedImage wanted_image(const EnsureRunning& goal);

// Every image that `goals` need, as they need it.
std::set<WantedImage> images_of(const Goals& goals);
std::set<std::string> image_names(const Goals& goals);
// Those that something may boot from without a signature.
std::set<std::string> unsigned_images(const Goals& goals);

}  // namespace unik::agent
