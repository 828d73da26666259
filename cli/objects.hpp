// Objects as users name them on the command line: `app web`, `app/web`, `apps`, `no/n1`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/resource.hpp"
#include "api/result.hpp"

namespace unik::cli {

// The declared kinds, and what the API shows beside them.
enum class ObjectKind : std::uint8_t { kApp, kInstance, kNode, kTenant, kOperation };

struct ObjectKindNames {
  std::string_view singular;
  std::string_view plural;  // as in routes
  std::string_view short_name;
};

const ObjectKindNames& names_of(ObjectKind kind);
std::vector<ObjectKind> all_object_kinds();

// Any form, in any case. Errors: `invalid`/`unknown_kind`, with the nearest and all that are there.
Result<ObjectKind> parse_object_kind(std::string_view text);

// Declared in manifests: can be applied and deleted.
std::optional<Kind> declared_kind(ObjectKind kind);

struct ObjectRef {
  ObjectKind kind = ObjectKind::kApp;
  std::string name;  // empty: all of them

  bool operator==(const ObjectRef&) const = default;
};

// `KIND`, `KIND,KIND`, `all`, `KIND NAME [NAME…]`, or any number of `KIND/NAME`. Errors: `invalid`/`bad_object`.
Result<std::vector<ObjectRef>> parse_objects(std::span<const std::string> words);

// The same for verbs that need a name of each.
Result<std::vector<ObjectRef>> parse_named_objects(std::span<const std::string> words);

// `app/web`
std::string to_string(const ObjectRef& object);

}  // namespace unik::cli
