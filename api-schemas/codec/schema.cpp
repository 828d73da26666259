#include "codec/schema.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "api/check.hpp"
#include "api/resource.hpp"
#include "codec/embedded_schemas.hpp"
#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"
#include "codec/manifest.hpp"
#include "codec/nearest.hpp"

namespace unik::codec {
namespace {

constexpr std::string_view kUnikYaml = "unik.yaml";
constexpr std::size_t kTextWidth = 100;

// The schemas, parsed once. They are part of the program, so that one which cannot be read is a programmer error.
const std::map<std::string, JsonDocument>& documents() {
  static const std::map<std::string, JsonDocument>* const all = [] {
    auto* const parsed = new std::map<std::string, JsonDocument>;
    for (const EmbeddedSchema& schema : embedded_schemas()) {
      Result<JsonDocument> document = JsonDocument::parse(schema.text);
      UNIK_CHECK(document.ok(), "an embedded schema that is no JSON");
      parsed->emplace(schema.name, std::move(document).value());
    }
    return parsed;
  }();
  return *all;
}

// `FILE#/definitions/NAME`
JsonView definition(std::string_view reference) {
  const std::size_t hash = reference.find('#');
  const std::size_t slash = reference.rfind('/');
  const auto found = documents().find(std::string(reference.substr(0, hash)));
  UNIK_CHECK(found != documents().end(), "a schema that refers to a file which is not there");
  const JsonView target = found->second.root()["definitions"][reference.substr(slash + 1)];
  UNIK_CHECK(target.exists(), "a schema that refers to a definition which is not there");
  return target;
}

// What a schema says, its own words before those of the definitions that it builds on, the nearest first.
class Shape {
 public:
  explicit Shape(JsonView own) : words_{own} {
    while (const auto reference = reference_of(words_.back())) {
      UNIK_CHECK(words_.size() <= kMaxNesting, "a schema that refers to itself");
      words_.push_back(definition(*reference));
      bases_.push_back(reference->substr(reference->rfind('/') + 1));
    }
  }

  JsonView operator[](std::string_view key) const {
    for (const JsonView words : words_)
      if (const JsonView value = words[key]; value.exists()) return value;
    return {};
  }
  const std::vector<std::string_view>& bases() const { return bases_; }  // names of the definitions

  // The fields below it: of a mapping itself, of a list those of its elements.
  JsonView fields() const {
    const Shape self = *this;
    if (self["items"].exists()) return Shape(self["items"])["properties"];
    return self["properties"];
  }

 private:
  static std::optional<std::string_view> reference_of(JsonView words) {
    const std::optional<std::string_view> plain = words["$ref"].text();
    return plain ? plain : words["allOf"].at(0)["$ref"].text();
  }

  std::vector<JsonView> words_;
  std::vector<std::string_view> bases_;
};

std::string type_of(const Shape& shape);

std::string limits_of(const Shape& shape) {
  const auto least = shape["minimum"].integer();
  const auto most = shape["maximum"].integer();
  return least && most ? " " + std::to_string(*least) + ".." + std::to_string(*most) : "";
}

std::string list_of(JsonView options, std::string_view between, auto text) {
  std::string out;
  for (JsonView option = options.first(); option.exists(); option = option.next())
    out += (out.empty() ? "" : std::string(between)) + text(option);
  return out;
}

std::string type_of(const Shape& shape) {
  static const std::map<std::string_view, std::string_view> kNamed = {{"duration", "duration"},
                                                                      {"cpu", "cpu"},
                                                                      {"memory", "bytes"},
                                                                      {"dnsLabel", "name"},
                                                                      {"labels", "mapping of texts"}};
  for (const std::string_view base : shape.bases())
    if (const auto named = kNamed.find(base); named != kNamed.end()) return std::string(named->second);
  if (shape["enum"].exists())
    return list_of(shape["enum"], " | ", [](JsonView option) {
      return option.text() ? std::string(*option.text()) : std::to_string(option.integer().value_or(0));
    });
  if (shape["anyOf"].exists())
    return list_of(shape["anyOf"], " | ", [](JsonView option) { return type_of(Shape(option)); });
  if (shape["items"].exists()) {
    const std::string item = type_of(Shape(shape["items"]));
    return "list of " + item + (item == "text" || item == "mapping" ? "s" : "");
  }
  if (shape["type"].is_array()) return "text";
  const std::string_view type = shape["type"].text().value_or("");
  if (type == "object") return shape["patternProperties"].exists() ? "mapping of texts" : "mapping";
  if (type == "integer") return "integer" + limits_of(shape);
  if (type == "string") return "text";
  return std::string(type);
}

std::string wrapped(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (column > indent && column + 1 + end > kTextWidth) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

SchemaField field_of(std::string path, const Shape& shape, bool required) {
  return {std::move(path), type_of(shape), std::string(shape["description"].text().value_or("")), required};
}

SchemaPart part_of(std::string path, const Shape& shape) {
  SchemaPart part{field_of(std::move(path), shape, false), {}};
  const JsonView required = shape["items"].exists() ? Shape(shape["items"])["required"] : shape["required"];
  const auto is_required = [&](std::string_view name) {
    for (JsonView item = required.first(); item.exists(); item = item.next())
      if (item.text() == name) return true;
    return false;
  };
  const JsonView fields = shape.fields();
  for (JsonView field = fields.first(); field.exists(); field = field.next())
    part.fields.push_back(field_of(std::string(field.key()), Shape(field), is_required(field.key())));
  return part;
}

std::string describe(const SchemaPart& part) {
  std::string out = part.field.path + " <" + part.field.type + ">\n  " + wrapped(part.field.description, 2) + "\n";
  if (part.fields.empty()) return out;
  std::size_t name_width = 0;
  std::size_t type_width = 0;
  bool any_required = false;
  for (const SchemaField& field : part.fields) {
    name_width = std::max(name_width, field.path.size() + 1);
    type_width = std::max(type_width, field.type.size() + 2);
    any_required = any_required || field.required;
  }
  out += any_required ? "\nFIELDS (* is required)\n" : "\nFIELDS\n";
  for (const SchemaField& field : part.fields) {
    std::string name = field.path + (field.required ? "*" : "");
    std::string type = "<" + field.type + ">";
    name.resize(name_width + 2, ' ');
    type.resize(type_width + 2, ' ');
    out += "  " + name + type + wrapped(field.description, 2 + name.size() + type.size()) + "\n";
  }
  return out;
}

// `spec.ports[0].port` is what faults write for `spec.ports.port`.
std::string without_indexes(std::string_view path) {
  std::string plain;
  while (!path.empty()) {
    const std::size_t open = std::min(path.find('['), path.size());
    plain += path.substr(0, open);
    path.remove_prefix(open);
    const std::size_t digits = path.empty() ? 0 : path.find_first_not_of("0123456789", 1);
    if (digits == std::string_view::npos || path.empty() || digits == 1 || path[digits] != ']')
      return plain + std::string(path);
    path.remove_prefix(digits + 1);
  }
  return plain;
}

Error unknown_field(std::string_view name, std::string_view where, const std::vector<std::string_view>& known) {
  std::string message = where.empty() ? "want a kind, got `" + std::string(name) + "`"
                                      : "want a field of " + std::string(where) + ", got `" + std::string(name) + "`";
  message += ": ";
  if (const auto meant = nearest(name, known)) message += "did you mean `" + std::string(*meant) + "`? ";
  message += known.empty() ? "it has no fields" : "there is ";
  for (std::size_t i = 0; i < known.size(); ++i) message += (i == 0 ? "" : ", ") + std::string(known[i]);
  return not_found("unknown_field", std::move(message));
}

}  // namespace

Result<SchemaPart> find_schema(std::string_view given) {
  const std::string plain = without_indexes(given);
  const std::string_view path = plain;
  std::string shown;
  std::string file;
  std::string_view rest;
  if (path.starts_with(kUnikYaml) && (path.size() == kUnikYaml.size() || path[kUnikYaml.size()] == '.')) {
    shown = kUnikYaml;
    file = "unikyaml.schema.json";
    rest = path.substr(kUnikYaml.size());
  } else {
    const std::string_view kind_text = path.substr(0, path.find('.'));
    const std::optional<Kind> kind = parse_kind(kind_text);
    if (!kind) return unknown_field(kind_text, "", {"App", "Node", "Tenant", kUnikYaml});
    shown = names_of(*kind).kind;
    file = std::string(names_of(*kind).singular) + ".schema.json";
    rest = path.substr(kind_text.size());
  }
  const auto document = documents().find(file);
  UNIK_CHECK(document != documents().end(), "a kind without its schema");
  JsonView view = document->second.root();
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view name = rest.substr(0, rest.find('.'));
    const JsonView fields = Shape(view).fields();
    if (!fields[name].exists()) {
      std::vector<std::string_view> known;
      for (JsonView field = fields.first(); field.exists(); field = field.next()) known.push_back(field.key());
      return unknown_field(name, shown, known);
    }
    view = fields[name];
    shown += '.' + std::string(name);
    rest.remove_prefix(name.size());
  }
  return part_of(shown, Shape(view));
}

Result<std::string> explain(std::string_view path) {
  const auto part = find_schema(path);
  return part ? Result<std::string>(describe(*part)) : Result<std::string>(part.error());
}

std::string to_json(const SchemaPart& part) {
  JsonWriter out;
  out.begin_object().field("path", part.field.path).field("type", part.field.type);
  out.field("description", part.field.description).key("fields").begin_array();
  for (const SchemaField& field : part.fields) {
    out.begin_object().field("name", field.path).field("type", field.type).field("required", field.required);
    out.field("description", field.description).end_object();
  }
  return out.end_array().end_object().take();
}

std::vector<std::string> completions(std::string_view path) {
  std::vector<std::string> found;
  const auto add = [&](std::string candidate) {
    if (candidate.starts_with(path)) found.push_back(std::move(candidate));
  };
  if (const std::size_t point = path.rfind('.'); point != std::string_view::npos)
    if (const auto part = find_schema(path.substr(0, point)))
      for (const SchemaField& field : part->fields) add(std::string(path.substr(0, point + 1)) + field.path);
  if (!found.empty()) return found;
  const bool capital = !path.empty() && path.front() >= 'A' && path.front() <= 'Z';
  for (const Kind kind : {Kind::kApp, Kind::kNode, Kind::kTenant})
    add(std::string(capital ? names_of(kind).kind : names_of(kind).singular));
  add(std::string(kUnikYaml));
  return found;
}

}  // namespace unik::codec
