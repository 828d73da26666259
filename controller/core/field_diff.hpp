// What differs between two versions of a declared object, field by field, and what each difference does to what runs.
#pragma once

#include <vector>

#include "api/resource.hpp"
#include "api/views.hpp"

namespace unik::controller {

// In the order of paths. `before` is null for a new object, `after` for one that goes.
std::vector<FieldChange> field_changes(const Resource* before, const Resource* after);

// What going from one version of an object to the other does to what runs. It is read off the same values that decide
// on a rollout, so that a restart is never kept quiet.
ChangeEffect effect_between(const Resource& before, const Resource& after);

}  // namespace unik::controller
