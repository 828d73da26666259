#include "api/units.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace unik {
namespace {

constexpr std::int64_t kBytesMax = std::int64_t{1} << 60;
constexpr std::int64_t kCpusMax = 1'000'000;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 9> kByteUnits = {{
    {"Ti", std::int64_t{1} << 40},
    {"Gi", std::int64_t{1} << 30},
    {"Mi", std::int64_t{1} << 20},
    {"Ki", std::int64_t{1} << 10},
    {"T", 1'000'000'000'000},
    {"G", 1'000'000'000},
    {"M", 1'000'000},
    {"k", 1'000},
    {"", 1},
}};

std::optional<std::int64_t> parse_digits(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string quoted(std::string_view text) {
  return '`' + std::string(text) + '`';
}

}  // namespace

std::string format_bytes(Bytes bytes) {
  for (const auto& [suffix, factor] : kByteUnits) {
    const bool binary = suffix.size() == 2;
    if (binary && bytes.value != 0 && bytes.value % factor == 0)
      return std::to_string(bytes.value / factor) + std::string(suffix);
  }
  return std::to_string(bytes.value);
}

std::string about_bytes(Bytes bytes) {
  for (const auto& [suffix, factor] : kByteUnits) {
    const bool binary = suffix.size() == 2;
    if (!binary || bytes.value < factor) continue;
    const std::int64_t tenths = bytes.value / factor * 10 + (bytes.value % factor * 10 + factor - 1) / factor;
    const std::string whole = std::to_string(tenths / 10);
    return whole + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + std::string(suffix);
  }
  return std::to_string(bytes.value);
}

Result<Bytes> parse_bytes(std::string_view text) {
  const Error bad = invalid("bad_quantity", "want a size such as 128Mi or 2Gi, got " + quoted(text));
  for (const auto& [suffix, factor] : kByteUnits) {
    if (!text.ends_with(suffix)) continue;
    const auto number = parse_digits(text.substr(0, text.size() - suffix.size()));
    if (!number || *number > kBytesMax / factor) return bad;
    return Bytes{*number * factor};
  }
  return bad;
}

std::string format_milli_cpu(MilliCpu cpu) {
  return cpu.value % 1000 == 0 ? std::to_string(cpu.value / 1000) : std::to_string(cpu.value) + 'm';
}

Result<MilliCpu> parse_milli_cpu(std::string_view text) {
  const Error bad = invalid("bad_quantity", "want an amount of CPU such as 500m, 2 or 1.5, got " + quoted(text));
  if (text.ends_with('m')) {
    const auto number = parse_digits(text.substr(0, text.size() - 1));
    if (!number || *number > kCpusMax * 1000) return bad;
    return MilliCpu{*number};
  }
  const std::size_t dot = text.find('.');
  const auto whole = parse_digits(text.substr(0, dot));
  if (!whole || *whole > kCpusMax) return bad;
  if (dot == std::string_view::npos) return MilliCpu{*whole * 1000};
  std::string fraction(text.substr(dot + 1));
  if (fraction.empty() || fraction.size() > 3) return bad;
  fraction.resize(3, '0');
  const auto milli = parse_digits(fraction);
  if (!milli) return bad;
  return MilliCpu{*whole * 1000 + *milli};
}

}  // namespace unik
