// What went wrong, in the words that C++, the HTTP API, the CLI and the metrics share.
//
// `code` is one of nine and decides the HTTP status, the exit code and whether a retry can help; `reason` is the stable
// finer name (`no_eligible_node`); `message` is for a person: what was expected, what was found, what to do. An error
// never holds a secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unik {

enum class ErrorCode : std::uint8_t {
  kInvalid,
  kNotFound,
  kConflict,
  kUnauthorized,
  kForbidden,
  kExhausted,
  kUnavailable,
  kInternal,
  kTimeout,
};

// What each code means at the rims of the product.
struct ErrorTraits {
  std::string_view name;
  int http_status = 500;
  int exit_code = 8;
  bool retryable = false;
};

const ErrorTraits& traits(ErrorCode code);

// The reverse of `traits(code).name`; empty for a name that is none of the nine.
std::optional<ErrorCode> parse_error_code(std::string_view name);

// One fault of several: a bad field, a refused document. `line` and `column` count from 1, 0 where there is no source.
struct Fault {
  std::string file;
  int line = 0;
  int column = 0;
  std::string path;     // `spec.replicas`
  std::string message;  // `want 0 to 1000, got -1`

  bool operator==(const Fault&) const = default;
};

// `apps/web.yaml:12:7: spec.replicas: want 0 to 1000, got -1`, leaving out the parts that are empty.
std::string to_string(const Fault& fault);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string reason;
  std::string message;
  std::vector<Fault> details;
  std::string trace_id;  // empty until the rim that answers knows it

  bool operator==(const Error&) const = default;
};

// `CODE: MESSAGE (trace TRACE_ID)`, then one line for each of the details.
std::string to_string(const Error& error);

// Shorthands that keep call sites on one line.
Error invalid(std::string reason, std::string message);
Error not_found(std::string reason, std::string message);
Error conflict(std::string reason, std::string message);
Error exhausted(std::string reason, std::string message);
Error unavailable(std::string reason, std::string message);
Error internal(std::string reason, std::string message);
Error timed_out(std::string reason, std::string message);

}  // namespace unik
