#include "cli/output/document.hpp"

#include <array>
#include <cctype>
#include <charconv>

#include "codec/json_reader.hpp"

namespace unik::cli {
namespace {

using codec::JsonDocument;
using codec::JsonView;

// Our own answers; the server bounds what it sends.
constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

bool is_block(JsonView view) {
  return (view.is_object() || view.is_array()) && view.size() > 0;
}

std::string scalar_json(JsonView view) {
  if (view.is_object()) return "{}";
  if (view.is_array()) return "[]";
  if (const auto text = view.text()) return codec::json_quote(*text);
  if (const auto whole = view.integer()) return std::to_string(*whole);
  if (const auto natural = view.unsigned_integer()) return std::to_string(*natural);
  if (const auto flag = view.boolean()) return *flag ? "true" : "false";
  if (const auto real = view.real()) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *real).ptr;
    return std::string(digits.data(), end);
  }
  return "null";
}

void write_json(JsonView view, std::size_t indent, std::string& out) {
  if (!is_block(view)) {
    out += scalar_json(view);
    return;
  }
  const bool object = view.is_object();
  out += object ? "{\n" : "[\n";
  for (JsonView child = view.first(); child.exists();) {
    out.append(indent + 2, ' ');
    if (object) out += codec::json_quote(child.key()) + ": ";
    write_json(child, indent + 2, out);
    child = child.next();
    out += child.exists() ? ",\n" : "\n";
  }
  out.append(indent, ' ');
  out += object ? '}' : ']';
}

// Whether YAML reads `text` back as this very string without quotes. It asks for more quotes than needed, never fewer.
bool is_plain(std::string_view text) {
  if (text.empty() || text.back() == ' ' || text.back() == ':') return false;
  const char front = text.front();
  if (std::isalpha(static_cast<unsigned char>(front)) == 0 && front != '/' && front != '_') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c >= 0x7f) return false;
    if (c == ':' && text[i + 1] == ' ') return false;
    if (c == '#' && text[i - 1] == ' ') return false;
  }
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string_view word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
    if (lower == word) return false;
  return true;
}

std::string yaml_text(std::string_view text) {
  return is_plain(text) ? std::string(text) : codec::json_quote(text);
}

std::string yaml_scalar(JsonView view) {
  if (const auto text = view.text()) return yaml_text(*text);
  return scalar_json(view);  // JSON's other scalars are YAML
}

// Writes the lines of a block whose every line begins with `indent` spaces, but for the first, whose indent is there.
void write_yaml(JsonView view, std::size_t indent, std::string& out) {
  const bool object = view.is_object();
  bool first = true;
  for (JsonView child = view.first(); child.exists(); child = child.next()) {
    if (!first) out.append(indent, ' ');
    first = false;
    out += object ? yaml_text(child.key()) + ":" : std::string("-");
    if (!is_block(child)) {
      out += " " + yaml_scalar(child) + "\n";
      continue;
    }
    if (object) {
      const std::size_t deeper = indent + (child.is_array() ? 0 : 2);
      out += '\n';
      out.append(deeper, ' ');
      write_yaml(child, deeper, out);
    } else {
      out += ' ';
      write_yaml(child, indent + 2, out);
    }
  }
}

}  // namespace

std::string pretty_json(std::string_view json) {
  const auto document = JsonDocument::parse(json, kMaxBytes);
  if (!document) return std::string(json);
  std::string out;
  write_json(document->root(), 0, out);
  return out + "\n";
}

std::string yaml_of(std::string_view json) {
  const auto document = JsonDocument::parse(json, kMaxBytes);
  if (!document) return std::string(json);
  if (!is_block(document->root())) return yaml_scalar(document->root()) + "\n";
  std::string out;
  write_yaml(document->root(), 0, out);
  return out;
}

std::string json_list(const std::vector<std::string>& documents) {
  std::string text = "{\"items\":[";
  for (std::size_t i = 0; i < documents.size(); ++i) text += (i == 0 ? "" : ",") + documents[i];
  return text + "]}";
}

std::string document_in(OutputFormat format, std::string_view json) {
  return format == OutputFormat::kYaml ? yaml_of(json) : pretty_json(json);
}

void write_texts(codec::JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key).begin_array();
  for (const std::string& text : texts) out.text(text);
  out.end_array();
}

}  // namespace unik::cli
