// The formats of `-o`.
#pragma once

#include <cstdint>

namespace unik::cli {

enum class OutputFormat : std::uint8_t { kTable, kWide, kJson, kYaml, kName };

}  // namespace unik::cli
