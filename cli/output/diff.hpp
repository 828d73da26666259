// What an apply did or would do, for people: one line an object like kubectl, and for `diff` one line a field.
#pragma once

#include <string>

#include "api/views.hpp"

namespace unik::cli {

// `app/web created`, `node/n1 unchanged`; ` (dry run)` after each where nothing was written.
std::string render_applied(const ApplyReply& reply, bool colour);

// Objects that differ, each with its fields and what the change does to what runs:
//   ~ app/web (default)
//       spec.replicas: 1 -> 3   (in place)
// Empty where nothing differs.
std::string render_diff(const ApplyReply& reply, bool colour);

bool has_changes(const ApplyReply& reply);

// `nothing restarts`, `in place`, `restart`, `replacement`.
std::string describe(ChangeEffect effect);

// `app/web`
std::string object_name(const AppliedObject& object);

}  // namespace unik::cli
