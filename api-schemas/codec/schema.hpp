// What `unikctl explain` prints, read from the embedded JSON Schemas: the documentation of the fields is the schema.
#pragma once

#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::codec {

// `path` is a kind in any spelling, then field names: `app`, `App.spec.health`, `apps.spec.ports.publish` (the items of
// a list are stepped into). Gives the field's type, default, limits and description, then a table of the fields
// below it, as text that ends in a newline. Errors: `not_found`/`unknown_field` naming the nearest and all that are
// there.
Result<std::string> explain(std::string_view path);

}  // namespace unik::codec
