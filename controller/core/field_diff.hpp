// What differs between two versions of a declared object, field by field, and what each difference does to what runs.
#pragma once

#include <vector>

#include "api/resource.hpp"
#include "api/views.hpp"

namespace unik::controller {

// In the order of paths. `before` is null for a new object, `after` for one that goes.
std::vector<FieldChange> field_changes(const Resource* before, const Resource* after);

ChangeEffect strongest(const std::vector<FieldChange>& changes);

}  // namespace unik::controller
