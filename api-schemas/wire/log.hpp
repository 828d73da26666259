// The programs' log: one line a record, to stderr or a file, as text for people or JSON for machines.
//
//   2026-11-22T18:51:13.004Z info  http: request answered method=GET path=/v1/status status=200 trace_id=4bf9…
//   {"at":"2026-11-22T18:51:13.004Z","level":"info","component":"http","message":"…","trace_id":"…","path":"/v1/status"}
//
// Control characters are escaped, so that nobody can write a line of their own. Fields whose key names a secret (token,
// password, secret, authorization, …) are shown as `***`: the caller must still never put a secret into a message.
// Every function may be called from any thread; before `setup_log` records go to stderr as text from level info on.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "api/result.hpp"
#include "api/units.hpp"

namespace unik::wire {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

// `debug`, `info`, `warning`, `error`. Errors: `invalid`/`bad_log_level`.
Result<LogLevel> parse_log_level(std::string_view text);
// `text`, `json`. Errors: `invalid`/`bad_log_format`.
Result<LogFormat> parse_log_format(std::string_view text);

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::string file;                  // empty: stderr; otherwise appended to
  Bytes file_bytes = mebibytes(16);  // at this size NAME.log becomes NAME.1.log, up to NAME.3.log
  bool takes_stderr = false;         // what else the program writes to stderr goes to that file too

  bool operator==(const LogOptions&) const = default;
};

// Replaces what was set up before. Errors: `unavailable`/`log_file` when the file cannot be opened; the log then stays
// as it was.
Result<void> setup_log(const LogOptions& options);

struct LogField {
  std::string_view key;
  std::string value;

  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  template <typename Int>
  requires std::is_integral_v<Int> LogField(std::string_view k, Int v) : key(k), value(std::to_string(v)) {}
};

// `component` is the part of the program (`http`, `store`, `loop`); an empty `trace_id` is left out. Values beyond 4
// KiB are cut.
void log(LogLevel level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields = {}, std::string_view trace_id = {});

// To skip the work of building fields that nobody will see.
bool log_enabled(LogLevel level);

// 32 lowercase hex digits from the kernel's random source.
std::string new_trace_id();

// Exactly 32 lowercase hex digits, not all zero.
bool is_trace_id(std::string_view text);

}  // namespace unik::wire
