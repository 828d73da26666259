// How a runtime is named: `python`, `python@1.0.0`, or fully qualified `HOST[:PORT]/NAMESPACE/python@1.0.0`. The
// version is the runtime's own; the language's belongs in the name where several exist (`python-3.11-ml`).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik {

inline constexpr std::size_t kMaxRuntimeName = 63;  // characters of the last part

// MAJOR.MINOR.PATCH, compared as numbers: 1.10.0 is newer than 1.9.9.
struct RuntimeVersion {
  std::uint32_t major_number = 0;
  std::uint32_t minor_number = 0;
  std::uint32_t patch_number = 0;

  auto operator<=>(const RuntimeVersion&) const = default;
};

// Exactly three numbers without leading zeros. Errors: `invalid/bad_runtime_version`, saying which part is wrong.
Result<RuntimeVersion> parse_runtime_version(std::string_view text);
std::string to_string(const RuntimeVersion& version);

struct RuntimeName {
  std::string space;    // `HOST/team/runtimes`; empty: not qualified, looked for in the usual order
  std::string name;     // `python`
  std::string version;  // `1.0.0`; empty: the newest

  bool operator==(const RuntimeName&) const = default;
};

// Lower-case letters, digits, `.` and `-`, beginning with a letter and ending with a letter or digit.
bool is_runtime_name(std::string_view text);

// `latest` is the same as no version. Errors: `invalid/bad_runtime_name`, `invalid/bad_runtime_version`, saying which
// character or part is wrong.
Result<RuntimeName> parse_runtime_name(std::string_view text);
std::string to_string(const RuntimeName& name);

}  // namespace unik
