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

// What a schema says, its own words before those of the definition that it builds on.
class Shape {
 public:
  explicit Shape(JsonView own) : own_(own) {
    std::optional<std::string_view> reference = own["$ref"].text();
    if (!reference) reference = own["allOf"].at(0)["$ref"].text();
    if (!reference) return;
    base_ = definition(*reference);
    base_name_ = reference->substr(reference->rfind('/') + 1);
  }

  JsonView operator[](std::string_view key) const { return own_[key].exists() ? own_[key] : base_[key]; }
  std::string_view base_name() const { return base_name_; }

  // The fields below it: of a mapping itself, of a list those of its elements.
  JsonView fields() const {
    const Shape self = *this;
    if (self["items"].exists()) return Shape(self["items"])["properties"];
    return self["properties"];
  }

 private:
  JsonView own_;
  JsonView base_;
  std::string_view base_name_;
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
  if (const auto named = kNamed.find(shape.base_name()); named != kNamed.end()) return std::string(named->second);
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

std::string describe(std::string_view path, const Shape& shape) {
  std::string out =
      std::string(path) + " <" + type_of(shape) + ">\n  " + wrapped(shape["description"].text().value_or(""), 2) + "\n";
  const JsonView fields = shape.fields();
  if (fields.size() == 0) return out;
  const JsonView required = shape["items"].exists() ? Shape(shape["items"])["required"] : shape["required"];
  const auto is_required = [&](std::string_view name) {
    for (JsonView item = required.first(); item.exists(); item = item.next())
      if (item.text() == name) return true;
    return false;
  };
  std::size_t name_width = 0;
  std::size_t type_width = 0;
  for (JsonView field = fields.first(); field.exists(); field = field.next()) {
    name_width = std::max(name_width, field.key().size() + 1);
    type_width = std::max(type_width, type_of(Shape(field)).size() + 2);
  }
  out += required.size() == 0 ? "\nFIELDS\n" : "\nFIELDS (* is required)\n";
  for (JsonView field = fields.first(); field.exists(); field = field.next()) {
    const Shape child(field);
    std::string name = std::string(field.key()) + (is_required(field.key()) ? "*" : "");
    std::string type = "<" + type_of(child) + ">";
    name.resize(name_width + 2, ' ');
    type.resize(type_width + 2, ' ');
    out += "  " + name + type + wrapped(child["description"].text().value_or(""), 2 + name.size() + type.size()) + "\n";
  }
  return out;
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

Result<std::string> explain(std::string_view path) {
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
  return describe(shown, Shape(view));
}

}  // namespace unik::codec
