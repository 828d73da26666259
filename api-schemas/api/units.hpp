// Quantities as types, so that bytes are never added to milli-CPUs, and their text as manifests spell it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik {

struct Bytes {
  std::int64_t value = 0;

  auto operator<=>(const Bytes&) const = default;
  Bytes& operator+=(Bytes other) { return value += other.value, *this; }
  Bytes& operator-=(Bytes other) { return value -= other.value, *this; }
  friend Bytes operator+(Bytes a, Bytes b) { return {a.value + b.value}; }
  friend Bytes operator-(Bytes a, Bytes b) { return {a.value - b.value}; }
};

constexpr Bytes kibibytes(std::int64_t n) {
  return {n << 10};
}
constexpr Bytes mebibytes(std::int64_t n) {
  return {n << 20};
}

// Thousandths of one CPU.
struct MilliCpu {
  std::int64_t value = 0;

  auto operator<=>(const MilliCpu&) const = default;
  MilliCpu& operator+=(MilliCpu other) { return value += other.value, *this; }
  MilliCpu& operator-=(MilliCpu other) { return value -= other.value, *this; }
  friend MilliCpu operator+(MilliCpu a, MilliCpu b) { return {a.value + b.value}; }
  friend MilliCpu operator-(MilliCpu a, MilliCpu b) { return {a.value - b.value}; }
};

// `128Mi`, `2Gi`, `1500000`: the largest binary unit that divides the value.
std::string format_bytes(Bytes bytes);

// The same for people: three digits or so, `876.7Gi`, `23.5Gi`, never less than there is.
std::string about_bytes(Bytes bytes);

// A whole number with an optional suffix Ki Mi Gi Ti (powers of 1024) or k M G T (powers of 1000); 0 to 2^60.
Result<Bytes> parse_bytes(std::string_view text);

// `500m`, `2`.
std::string format_milli_cpu(MilliCpu cpu);

// `500m`, `2`, `1.5`: whole thousandths, 0 to 1,000,000 CPUs.
Result<MilliCpu> parse_milli_cpu(std::string_view text);

// What an instance asks for or a node has.
struct Resources {
  MilliCpu cpu{};
  Bytes memory{};

  bool operator==(const Resources&) const = default;
  Resources& operator+=(const Resources& other) { return cpu += other.cpu, memory += other.memory, *this; }
  Resources& operator-=(const Resources& other) { return cpu -= other.cpu, memory -= other.memory, *this; }
};

}  // namespace unik
