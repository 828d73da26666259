// What a registry asks of who is not known to it: the `WWW-Authenticate` fields of a 401, and the answers to them.
// Values only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"
#include "wire/http_message.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxChallenge = 8192;  // bytes of all fields together

struct Challenge {
  std::string scheme;                                       // `bearer`, `basic`: lower case
  std::map<std::string, std::string, std::less<>> details;  // realm, service, scope …: names in lower case

  bool operator==(const Challenge&) const = default;
};

// Every challenge of a field, in its order. A field that cannot be read yields what came before the fault.
std::vector<Challenge> parse_challenges(std::string_view field);
std::vector<Challenge> challenges_of(const wire::Headers& headers);

// `repository:team/web:pull,push`, as a token's scope.
std::string scope_of(std::string_view repository, bool push);

// The body of a token server's answer. Without `expires_in`, a token lives for 60 s, as the protocol says. Errors:
// `unavailable/bad_token_answer`.
struct Token {
  std::string text;
  Duration lifetime{};

  bool operator==(const Token&) const = default;
};
Result<Token> parse_token(std::string_view json);

// The value of an `Authorization` field.
std::string basic_authorization(std::string_view user, std::string_view password);

}  // namespace unik::runtimes
