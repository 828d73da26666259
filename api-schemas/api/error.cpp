#include "api/error.hpp"

#include <array>
#include <utility>

#include "api/check.hpp"

namespace unik {
namespace {

constexpr std::array<ErrorTraits, 9> kTraits = {{
    {"invalid", 400, 2, false},
    {"not_found", 404, 3, false},
    {"conflict", 409, 4, false},
    {"unauthorized", 401, 5, false},
    {"forbidden", 403, 5, false},
    {"exhausted", 429, 6, true},
    {"unavailable", 503, 7, true},
    {"internal", 500, 8, false},
    {"timeout", 504, 9, true},
}};

Error make(ErrorCode code, std::string reason, std::string message) {
  Error error;
  error.code = code;
  error.reason = std::move(reason);
  error.message = std::move(message);
  return error;
}

}  // namespace

const ErrorTraits& traits(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  UNIK_CHECK(index < kTraits.size(), "an error code outside the enumeration");
  return kTraits[index];
}

std::optional<ErrorCode> parse_error_code(std::string_view name) {
  for (std::size_t i = 0; i < kTraits.size(); ++i)
    if (kTraits[i].name == name) return static_cast<ErrorCode>(i);
  return std::nullopt;
}

std::string to_string(const Fault& fault) {
  std::string text = fault.file;
  if (fault.line > 0) {
    if (!text.empty()) text += ':';
    text += std::to_string(fault.line) + ':' + std::to_string(fault.column);
  }
  for (const std::string* part : {&fault.path, &fault.message}) {
    if (part->empty()) continue;
    if (!text.empty()) text += ": ";
    text += *part;
  }
  return text;
}

std::string to_string(const Error& error) {
  std::string text(traits(error.code).name);
  text += ": " + error.message;
  if (!error.trace_id.empty()) text += " (trace " + error.trace_id + ")";
  for (const Fault& fault : error.details) text += "\n  " + to_string(fault);
  return text;
}

Error invalid(std::string reason, std::string message) {
  return make(ErrorCode::kInvalid, std::move(reason), std::move(message));
}
Error not_found(std::string reason, std::string message) {
  return make(ErrorCode::kNotFound, std::move(reason), std::move(message));
}
Error conflict(std::string reason, std::string message) {
  return make(ErrorCode::kConflict, std::move(reason), std::move(message));
}
Error exhausted(std::string reason, std::string message) {
  return make(ErrorCode::kExhausted, std::move(reason), std::move(message));
}
Error unavailable(std::string reason, std::string message) {
  return make(ErrorCode::kUnavailable, std::move(reason), std::move(message));
}
Error internal(std::string reason, std::string message) {
  return make(ErrorCode::kInternal, std::move(reason), std::move(message));
}
Error timed_out(std::string reason, std::string message) {
  return make(ErrorCode::kTimeout, std::move(reason), std::move(message));
}

}  // namespace unik
