#include "codec/fields.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "api/check.hpp"
#include "codec/manifest.hpp"
#include "codec/nearest.hpp"

namespace unik::codec {
namespace {

constexpr std::size_t kShownText = 64;  // of a value inside a fault

std::string_view shortened(std::string_view text) {
  if (text.size() <= kShownText) return text;
  std::size_t end = kShownText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return text.substr(0, end);
}

std::string quoted(std::string_view text) {
  std::string shown = "`";
  for (const char c : shortened(text)) shown += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return shown + (text.size() > kShownText ? "...`" : "`");
}

// Never the text of a scalar that may be a secret: only callers that know the field show it.
std::string describe(const TreeNode& node) {
  switch (node.kind) {
    case NodeKind::kMapping:
      return "a mapping";
    case NodeKind::kSequence:
      return "a list";
    case NodeKind::kText:
      return "the text " + quoted(node.text());
    case NodeKind::kPlain:
      return is_null(node) ? "nothing" : quoted(node.text());
  }
  UNIK_CHECK(false, "a node kind outside the enumeration");
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// How many characters of `digits` the text begins with; they are taken off.
std::size_t take(std::string_view& text, std::string_view digits) {
  const std::size_t taken = std::min(text.find_first_not_of(digits), text.size());
  text.remove_prefix(taken);
  return taken;
}

void take_sign(std::string_view& text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
}

// What an unquoted scalar is by the core schema of YAML 1.2, in which `yes` and `2024-01-01` are text.
bool is_boolean(std::string_view text) {
  return is_one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE"});
}

bool is_number(std::string_view text) {
  constexpr std::string_view kDecimal = "0123456789";
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return true;
  if (text.starts_with("0x") || text.starts_with("0o")) {
    const bool hexadecimal = text[1] == 'x';
    text.remove_prefix(2);
    return take(text, hexadecimal ? "0123456789abcdefABCDEF" : "01234567") > 0 && text.empty();
  }
  take_sign(text);
  if (is_one_of(text, {".inf", ".Inf", ".INF"})) return true;
  std::size_t digits = take(text, kDecimal);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits += take(text, kDecimal);
  }
  if (digits == 0) return false;
  if (!text.starts_with('e') && !text.starts_with('E')) return text.empty();
  text.remove_prefix(1);
  take_sign(text);
  return take(text, kDecimal) > 0 && text.empty();
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string range(std::string_view least, std::string_view most) {
  return "a whole number from " + std::string(least) + " to " + std::string(most);
}

// The words that may stand in the place of a number, and which of them was meant.
std::string or_words(const At& at, std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += ", or " + std::string(word);
  if (const auto meant = nearest(at.node.is_scalar() ? at.node.text() : std::string_view(), words))
    text += " (did you mean `" + std::string(*meant) + "`?)";
  return text;
}

template <typename Int>
std::optional<Int> read_whole(const At& at, Int least, Int most, std::span<const std::string_view> words) {
  const auto wanted = [&](std::string_view form = {}) {
    return range(std::to_string(least), std::to_string(most)) + std::string(form) + or_words(at, words);
  };
  if (!at.node.is_scalar()) {
    at.want(wanted());
    return std::nullopt;
  }
  const std::string_view text = at.node.text();
  if (at.node.kind == NodeKind::kText && all_digits(text)) {
    at.want(wanted(" without quotes"));
    return std::nullopt;
  }
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (at.node.kind != NodeKind::kPlain || !all_digits(digits)) {
    at.want(wanted());
    return std::nullopt;
  }
  if (digits.size() > 1 && digits.front() == '0') {
    at.want(wanted(" without leading zeros, which some read as octal"));
    return std::nullopt;
  }
  Int value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    at.want(wanted());
    return std::nullopt;
  }
  return value;
}

// Takes the message of a parser of `api/`, which names what it wants and what it got.
template <typename T>
std::optional<T> parsed(const At& at, const Result<T>& result) {
  if (result) return result.value();
  at.fault(result.error().message);
  return std::nullopt;
}

bool want_scalar(const At& at, std::string_view wanted) {
  if (at.node.is_scalar() && !is_null(at.node) && at.node.size <= kShownText) return true;
  at.want(wanted);
  return false;
}

}  // namespace

std::string Path::str() const {
  std::string text = parent == nullptr ? std::string() : parent->str();
  if (!name.empty()) {
    if (!text.empty()) text += '.';
    text += name;
  } else if (parent != nullptr) {
    text += '[' + std::to_string(index) + ']';
  }
  return text;
}

void At::fault(std::string message) const {
  // One beyond the bound tells that there are more.
  if (decoding.faults.size() <= kMaxFaults) decoding.faults.push_back({node.offset, path.str(), std::move(message)});
}

void At::want(std::string_view wanted) const {
  fault("want " + std::string(wanted) + ", got " + describe(node));
}

std::string_view any_text(std::string_view) {
  return {};
}

std::string_view sha256_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  const bool fine = text.size() == kPrefix.size() + 64 && text.starts_with(kPrefix) &&
                    text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
  return fine ? std::string_view() : "sha256: and 64 digits of lower-case hex";
}

std::string_view dns_label(std::string_view text) {
  if (is_dns_label(text)) return {};
  return "a name of 1 to 63 characters a-z, 0-9 and `-`, beginning and ending with a letter or digit";
}

std::optional<std::string_view> read_text(const At& at, TextRule rule) {
  const bool plain = at.node.kind == NodeKind::kPlain;
  if (!at.node.is_scalar() || (plain && !at.decoding.reading.plain_is_text)) {
    at.want("text");
    return std::nullopt;
  }
  if (is_null(at.node)) {
    at.fault("want text, got nothing: write \"\" for an empty text, or \"null\" in quotes");
    return std::nullopt;
  }
  const std::string_view text = at.node.text();
  if (plain && is_boolean(text)) {
    at.fault("want text, got " + std::string(text) + ": put it in quotes");
    return std::nullopt;
  }
  if (plain && is_number(text)) {  // not shown: in an environment it may be a secret
    at.fault("want text, got a number: put it in quotes");
    return std::nullopt;
  }
  // Neither arguments nor environment could carry one.
  if (at.decoding.reading.plain_is_text && text.find('\0') != std::string_view::npos) {
    at.fault("want text without NUL characters");
    return std::nullopt;
  }
  if (const std::string_view wanted = rule(text); !wanted.empty()) {
    at.want(wanted);
    return std::nullopt;
  }
  return text;
}

std::optional<std::int64_t> read_signed(const At& at, std::int64_t least, std::int64_t most) {
  return read_whole<std::int64_t>(at, least, most, {});
}

std::optional<std::uint64_t> read_unsigned(const At& at, std::uint64_t least, std::uint64_t most,
                                           std::span<const std::string_view> words) {
  return read_whole<std::uint64_t>(at, least, most, words);
}

std::optional<bool> read_boolean(const At& at) {
  if (at.node.kind == NodeKind::kPlain && at.node.text() == "true") return true;
  if (at.node.kind == NodeKind::kPlain && at.node.text() == "false") return false;
  at.want(at.node.kind == NodeKind::kText ? "true or false without quotes" : "true or false");
  return std::nullopt;
}

std::optional<Duration> read_duration(const At& at, Duration least, Duration most) {
  if (!want_scalar(at, "a duration such as 5s, 250ms or 1h30m")) return std::nullopt;
  const Result<Duration> read = parse_duration(at.node.text());
  const bool too_long = !read && read.error().reason == "duration_too_long";
  const std::optional<Duration> value = too_long ? std::nullopt : parsed(at, read);
  if (!too_long && (!value || (*value >= least && *value <= most))) return value;
  at.want("a duration from " + format_duration(least) + " to " + format_duration(most));
  return std::nullopt;
}

std::optional<Bytes> read_bytes(const At& at, Bytes least) {
  if (!want_scalar(at, "a size such as 128Mi or 2Gi")) return std::nullopt;
  const std::optional<Bytes> value = parsed(at, parse_bytes(at.node.text()));
  if (!value || *value >= least) return value;
  at.want("at least " + format_bytes(least));
  return std::nullopt;
}

std::optional<MilliCpu> read_cpu(const At& at, MilliCpu least) {
  if (!want_scalar(at, "an amount of CPU such as 500m, 2 or 1.5")) return std::nullopt;
  const std::optional<MilliCpu> value = parsed(at, parse_milli_cpu(at.node.text()));
  if (!value || *value >= least) return value;
  at.want("at least " + format_milli_cpu(least));
  return std::nullopt;
}

std::optional<WallTime> read_wall_time(const At& at) {
  const auto text = read_text(at);
  return text ? parsed(at, parse_wall_time(*text)) : std::nullopt;
}

Fields::Fields(const At& at, std::string_view what) : at_(at), what_(what) {
  if (at.node.kind == NodeKind::kMapping) {
    first_ = hint_ = at.node.child;
  } else {
    at.want("a mapping of fields");
  }
}

Fields::~Fields() {
  if (!at_.decoding.reading.refuse_unknown || first_ == nullptr) return;
  const auto end = known_.begin() + static_cast<std::ptrdiff_t>(known_count_);
  for (const TreeNode* key = first_; key != nullptr; key = key->next->next) {
    const std::string_view name = key->text();
    if (std::find(known_.begin(), end, name) != end) continue;
    std::string message;
    if (name == "<<" && key->kind == NodeKind::kPlain) {
      message = "merge keys (`<<`) are not supported: write the fields out";
    } else {
      std::vector<std::string_view> names(known_.begin(), end);
      message = "unknown field " + quoted(name) + " in " + std::string(what_);
      if (const auto meant = nearest(name, names))
        message += ": did you mean `" + std::string(*meant) + "`?";
      else
        message += ":";
      std::sort(names.begin(), names.end());
      message += " fields here: ";
      for (std::size_t i = 0; i < names.size(); ++i) message += (i == 0 ? "" : ", ") + std::string(names[i]);
    }
    const Path path{&at_.path, shortened(name), 0};
    At{at_.decoding, *key, path}.fault(std::move(message));
  }
}

const TreeNode* Fields::find_key(std::string_view name) const {
  for (const TreeNode* key = hint_; key != nullptr; key = key->next->next)
    if (key->text() == name) return key;
  for (const TreeNode* key = first_; key != hint_; key = key->next->next)
    if (key->text() == name) return key;
  return nullptr;
}

const TreeNode* Fields::find(std::string_view name) {
  UNIK_CHECK(known_count_ < kMaxKnown, "more fields in one mapping than Fields can remember");
  known_[known_count_++] = name;
  const TreeNode* const key = find_key(name);
  if (key == nullptr) return nullptr;
  hint_ = key->next->next;
  if (at_.decoding.reading.null_is_absent && is_null(*key->next)) return nullptr;
  return key->next;
}

bool Fields::has(std::string_view name) const {
  return find_key(name) != nullptr;
}

void Fields::require(std::string_view name, std::string_view why) {
  if (at_.decoding.reading.refuse_unknown) require_always(name, why);
}

void Fields::require_always(std::string_view name, std::string_view why) {
  if (has(name) || at_.node.kind != NodeKind::kMapping) return;
  const Path path{&at_.path, name, 0};
  At{at_.decoding, at_.node, path}.fault("is missing: " + std::string(why));
}

void Fields::fault(std::string_view name, std::string message) {
  const Path path{&at_.path, name, 0};
  const TreeNode* const key = find_key(name);
  At{at_.decoding, key == nullptr ? at_.node : *key, path}.fault(std::move(message));
}

bool Fields::is_list(const At& at, std::size_t most) {
  if (at.node.kind != NodeKind::kSequence) {
    at.want("a list");
    return false;
  }
  if (at.node.size > most) {
    at.fault("want at most " + std::to_string(most) + " elements, got " + std::to_string(at.node.size));
    return false;
  }
  return true;
}

bool Fields::texts(std::string_view name, std::vector<std::string>& out, std::size_t most) {
  return list(name, most, [&](const At& at) {
    if (const auto text = read_text(at)) out.emplace_back(*text);
  });
}

bool Fields::text_map(std::string_view name, std::map<std::string, std::string>& out, std::size_t most,
                      TextRule key_rule, TextRule value_rule) {
  return get(name, [&](const At& at) {
    if (at.node.kind != NodeKind::kMapping) return at.want("a mapping of names to texts");
    if (at.node.size > most)
      return at.fault("want at most " + std::to_string(most) + " entries, got " + std::to_string(at.node.size));
    for (const TreeNode* key = at.node.child; key != nullptr; key = key->next->next) {
      const Path path{&at.path, shortened(key->text()), 0};
      const At key_at{at.decoding, *key, path};
      if (key->text() == "<<" && key->kind == NodeKind::kPlain && at.decoding.reading.refuse_unknown) {
        key_at.fault("merge keys (`<<`) are not supported: write the entries out");
        continue;
      }
      if (const std::string_view wanted = key_rule(key->text()); !wanted.empty()) {
        key_at.want(wanted);
        continue;
      }
      if (const auto text = read_text(At{at.decoding, *key->next, path}, value_rule))
        out.insert_or_assign(std::string(key->text()), std::string(*text));
    }
  });
}

}  // namespace unik::codec
