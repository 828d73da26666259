#include "cli/objects.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "api/check.hpp"
#include "cli/suggestion.hpp"

namespace unik::cli {
namespace {

constexpr std::array<ObjectKindNames, 5> kNames = {{
    {"app", "apps", "a"},
    {"instance", "instances", "i"},
    {"node", "nodes", "no"},
    {"tenant", "tenants", "tn"},
    {"operation", "operations", "op"},
}};

constexpr std::string_view kAllKinds = "all";

Error bad_object(std::string message) {
  return invalid("bad_object", std::move(message));
}

// `app,node`, `all`
Result<std::vector<ObjectRef>> parse_kinds(std::string_view text) {
  std::vector<ObjectRef> objects;
  if (text == kAllKinds) {
    for (const ObjectKind kind : all_object_kinds()) objects.push_back({kind, ""});
    return objects;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto kind = parse_object_kind(text.substr(begin, end - begin));
    if (!kind) return kind.error();
    objects.push_back({*kind, ""});
    begin = end + 1;
  }
  return objects;
}

}  // namespace

const ObjectKindNames& names_of(ObjectKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  UNIK_CHECK(index < kNames.size(), "an object kind outside the enumeration");
  return kNames[index];
}

std::vector<ObjectKind> all_object_kinds() {
  return {ObjectKind::kApp, ObjectKind::kInstance, ObjectKind::kNode, ObjectKind::kTenant, ObjectKind::kOperation};
}

Result<ObjectKind> parse_object_kind(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::vector<std::string> known;
  for (const ObjectKind kind : all_object_kinds()) {
    const ObjectKindNames& names = names_of(kind);
    if (lower == names.singular || lower == names.plural || lower == names.short_name) return kind;
    known.emplace_back(names.singular);
  }
  return invalid("unknown_kind", "want a kind (app, instance, node, tenant, operation), got `" + std::string(text) +
                                     "`" + did_you_mean(lower, known));
}

std::optional<Kind> declared_kind(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kApp:
      return Kind::kApp;
    case ObjectKind::kNode:
      return Kind::kNode;
    case ObjectKind::kTenant:
      return Kind::kTenant;
    case ObjectKind::kInstance:
    case ObjectKind::kOperation:
      return std::nullopt;
  }
  return std::nullopt;
}

Result<std::vector<ObjectRef>> parse_objects(std::span<const std::string> words) {
  std::vector<ObjectRef> objects;
  if (words.empty())
    return bad_object(
        "want KIND [NAME] or KIND/NAME, got nothing; kinds are app, instance, node, "
        "tenant, operation");
  if (words.front().find('/') != std::string::npos) {
    for (const std::string& word : words) {
      const std::size_t slash = word.find('/');
      if (slash == std::string::npos) return bad_object("want KIND/NAME like the words before, got `" + word + "`");
      const auto kind = parse_object_kind(std::string_view(word).substr(0, slash));
      if (!kind) return kind.error();
      const std::string name = word.substr(slash + 1);
      if (name.empty() || name.find('/') != std::string::npos) return bad_object("want KIND/NAME, got `" + word + "`");
      objects.push_back({*kind, name});
    }
    return objects;
  }
  if (words.size() == 1 && (words.front() == kAllKinds || words.front().find(',') != std::string::npos))
    return parse_kinds(words.front());
  const auto kind = parse_object_kind(words.front());
  if (!kind) return kind.error();
  for (const std::string& word : words.subspan(1)) {
    if (word.empty() || word.find('/') != std::string::npos)
      return bad_object("want names after `" + words.front() + "`, got `" + word + "`");
    objects.push_back({*kind, word});
  }
  if (objects.empty()) objects.push_back({*kind, ""});
  return objects;
}

Result<std::vector<ObjectRef>> parse_named_objects(std::span<const std::string> words) {
  auto objects = parse_objects(words);
  if (objects && objects->front().name.empty())
    return bad_object("want KIND NAME or KIND/NAME, got the kind `" + words.front() + "` alone");
  return objects;
}

std::string to_string(const ObjectRef& object) {
  return std::string(names_of(object.kind).singular) + "/" + object.name;
}

}  // namespace unik::cli
