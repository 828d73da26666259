// Why an object is as it is, of those kinds whose views say it all: the control plane explains the others. Pure.
#pragma once

#include "api/operation.hpp"
#include "api/views.hpp"

namespace unik::cli {

// What it is for, how far it is, what is in its way, and whom to ask next.
Explanation explain(const Operation& operation);

// What it has declared of what it may, and what it decides for its apps.
Explanation explain(const TenantView& tenant);

}  // namespace unik::cli
