// What `doctor` found, as lines for people and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unik::cli {

enum class Level : std::uint8_t { kOk, kWarn, kFail };

std::string_view to_string(Level level);

struct Finding {
  std::string check;  // `qemu`: stable
  Level level = Level::kOk;
  std::string found;
  std::string mend;  // what to do; empty where nothing is to be done

  bool operator==(const Finding&) const = default;
};

// `ok    qemu: QEMU emulator version 7.2.18`, and the mend on a line of its own.
std::string render_finding(const Finding& finding, bool colour);

// `{"healthy": true, "checks": [{"check", "level", "found", "mend"}]}`
std::string json_of(const std::vector<Finding>& findings);

// Nothing failed.
bool is_healthy(const std::vector<Finding>& findings);

}  // namespace unik::cli
