#include "runtimes/lib/registry/challenge.hpp"

#include <algorithm>
#include <chrono>

#include "codec/json_reader.hpp"
#include "runtimes/lib/signature/base64.hpp"

namespace unik::runtimes {
namespace {

constexpr Duration kTokenLifetime = std::chrono::seconds(60);
constexpr std::int64_t kLongestLifetime = 24 * 3600;  // seconds; a longer one is asked for again

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// A cursor over the text of a field.
struct Cursor {
  std::string_view text;

  void skip(std::string_view chars) { text.remove_prefix(std::min(text.find_first_not_of(chars), text.size())); }
  bool take(char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
  }
  std::string word() {
    const auto end = std::find_if_not(text.begin(), text.end(), is_token_char);
    std::string word(text.begin(), end);
    text.remove_prefix(word.size());
    return word;
  }
  std::optional<std::string> quoted() {
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
      if (text[i] == '"') {
        text.remove_prefix(i + 1);
        return value;
      }
      if (text[i] == '\\' && ++i == text.size()) return std::nullopt;
      value += text[i];
    }
    return std::nullopt;
  }
};

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), lower);
  return text;
}

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view field) {
  std::vector<Challenge> challenges;
  Cursor at{field.substr(0, kMaxChallenge)};
  while (true) {
    at.skip(" \t,");
    std::string word = lowered(at.word());
    if (word.empty()) return challenges;
    at.skip(" \t");
    if (!at.take('=')) {
      challenges.push_back({std::move(word), {}});
      continue;
    }
    at.skip(" \t");
    if (challenges.empty()) return challenges;
    const bool quoted = !at.text.empty() && at.text.front() == '"';
    auto value = quoted ? at.quoted() : std::optional<std::string>(at.word());
    if (!value) return challenges;
    challenges.back().details.insert_or_assign(std::move(word), *std::move(value));
  }
}

std::vector<Challenge> challenges_of(const wire::Headers& headers) {
  std::vector<Challenge> all;
  for (const auto& [name, value] : headers) {
    if (!wire::iequals(name, "WWW-Authenticate")) continue;
    for (Challenge& challenge : parse_challenges(value)) all.push_back(std::move(challenge));
  }
  return all;
}

std::string scope_of(std::string_view repository, bool push) {
  return "repository:" + std::string(repository) + (push ? ":pull,push" : ":pull");
}

Result<Token> parse_token(std::string_view json) {
  const auto bad = [](const std::string& what) {
    return unavailable("bad_token_answer", "token server: want a JSON object with `token`, found " + what);
  };
  const auto document = codec::JsonDocument::parse(json, kMaxChallenge * 8);
  if (!document) return bad("something else");
  const codec::JsonView root = document->root();
  const auto text = root["token"].text() ? root["token"].text() : root["access_token"].text();
  if (!text || text->empty()) return bad("none");
  Token token{std::string(*text), kTokenLifetime};
  if (const auto seconds = root["expires_in"].integer(); seconds && *seconds > 0)
    token.lifetime = std::chrono::seconds(std::min(*seconds, kLongestLifetime));
  return token;
}

std::string basic_authorization(std::string_view user, std::string_view password) {
  return "Basic " + to_base64(std::string(user) + ":" + std::string(password));
}

}  // namespace unik::runtimes
