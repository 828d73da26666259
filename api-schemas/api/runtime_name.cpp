#include "api/runtime_name.hpp"

#include <charconv>

#include "api/ascii.hpp"

namespace unik {
namespace {

constexpr std::string_view kLatest = "latest";

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

// As it can stand in a message: what would move a terminal's cursor is written out.
std::string shown(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (byte < 0x20 || byte == 0x7f)
      out += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
    else
      out += c;
  }
  return out;
}

// The character that begins there, of as many bytes as UTF-8 gives it.
std::string_view character_at(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  return text.substr(at, end - at);
}

Error bad_name(std::string_view text, const std::string& why) {
  return invalid("bad_runtime_name", "runtime `" + shown(text) + "`: " + why);
}

// What is wrong with the name itself; empty when nothing is.
std::string flaw_of(std::string_view name) {
  if (name.empty()) return "want a name before `@`, got none";
  if (name.size() > kMaxRuntimeName)
    return "want at most " + std::to_string(kMaxRuntimeName) + " characters, got " + std::to_string(name.size());
  for (std::size_t i = 0; i < name.size(); ++i)
    if (!is_lower(name[i]) && !is_digit(name[i]) && name[i] != '.' && name[i] != '-')
      return "want lower-case letters, digits, `.` and `-`, got `" + shown(character_at(name, i)) + "`";
  if (!is_lower(name.front())) return std::string("want a letter at the beginning, got `") + name.front() + "`";
  if (!is_lower(name.back()) && !is_digit(name.back()))
    return std::string("want a letter or digit at the end, got `") + name.back() + "`";
  return "";
}

// One number of a version; empty when it is none.
bool read_number(std::string_view text, std::uint32_t& out) {
  if (text.empty() || (text.size() > 1 && text.front() == '0') || !is_digit(text.front())) return false;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<RuntimeVersion> parse_runtime_version(std::string_view text) {
  RuntimeVersion version;
  std::uint32_t* const parts[] = {&version.major_number, &version.minor_number, &version.patch_number};
  const auto bad = [&](const std::string& found) {
    return invalid("bad_runtime_version", "version `" + shown(text) + "`: want MAJOR.MINOR.PATCH, " + found);
  };
  std::string_view rest = text;
  for (std::size_t i = 0; i < 3; ++i) {
    const bool last = i == 2;
    const std::size_t dot = rest.find('.');
    if (!last && dot == std::string_view::npos) return bad("got " + std::to_string(i + 1) + " of three parts");
    const std::string_view part = rest.substr(0, last ? rest.size() : dot);
    if (!read_number(part, *parts[i])) return bad("got `" + shown(part) + "` where a number belongs");
    rest.remove_prefix(last ? rest.size() : dot + 1);
  }
  return version;
}

std::string to_string(const RuntimeVersion& version) {
  return std::to_string(version.major_number) + "." + std::to_string(version.minor_number) + "." +
         std::to_string(version.patch_number);
}

bool is_runtime_name(std::string_view text) {
  return flaw_of(text).empty();
}

Result<RuntimeName> parse_runtime_name(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view path = text.substr(0, at);
  const std::size_t slash = path.rfind('/');
  RuntimeName name;
  name.name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (const std::string flaw = flaw_of(name.name); !flaw.empty()) return bad_name(text, flaw);
  if (slash != std::string_view::npos) {
    name.space = path.substr(0, slash);
    if (name.space.empty() || name.space.find_first_of(" \t\n") != std::string::npos)
      return bad_name(text, "want HOST/NAMESPACE before the last `/`");
  }
  if (at == std::string_view::npos) return name;
  const std::string_view version = text.substr(at + 1);
  if (version == kLatest) return name;
  if (auto parsed = parse_runtime_version(version); !parsed) return std::move(parsed).error();
  name.version = version;
  return name;
}

std::string to_string(const RuntimeName& name) {
  return (name.space.empty() ? "" : name.space + "/") + name.name + (name.version.empty() ? "" : "@" + name.version);
}

}  // namespace unik
