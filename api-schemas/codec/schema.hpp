// What `unikctl explain` prints, read from the embedded JSON Schemas: the documentation of the fields is the schema.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"

namespace unik::codec {

struct SchemaField {
  std::string path;  // `App.spec.health`; of a field below another, its name alone
  std::string type;  // with its limits: `integer 0..1000`, `list of texts`
  std::string description;
  bool required = false;

  bool operator==(const SchemaField&) const = default;
};

struct SchemaPart {
  SchemaField field;
  std::vector<SchemaField> fields;  // below it; those of a list's items

  bool operator==(const SchemaPart&) const = default;
};

// `path` is a kind in any spelling, then field names: `app`, `App.spec.health`, `apps.spec.ports.publish` (the items of
// a list are stepped into; `ports[0]`, as faults write it, is the same). Errors: `not_found`/`unknown_field` naming the
// nearest and all that are there.
Result<SchemaPart> find_schema(std::string_view path);

// The field's type, default, limits and description, then a table of the fields below it, as text that ends in a
// newline. Errors: as above.
Result<std::string> explain(std::string_view path);

// `{"path", "type", "description", "fields": [{"name", "type", "required", "description"}]}`
std::string to_json(const SchemaPart& part);

// What `path`, typed so far, may become: kinds, or the fields of what stands before its last point.
std::vector<std::string> completions(std::string_view path);

}  // namespace unik::codec
