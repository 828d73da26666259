// The values that HTTP server and client share.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unik::wire {

// Header fields in the order sent. Names compare without case; a name may occur more than once.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  // The first value of that name, or null.
  const std::string* find(std::string_view name) const;
  // The same, as a value; empty where there is none.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  // Replaces every field of that name.
  void set(std::string name, std::string value);

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

  bool operator==(const Headers&) const = default;

 private:
  std::vector<Field> fields_;
};

// ASCII only, as header names and tokens are.
bool iequals(std::string_view a, std::string_view b);

}  // namespace unik::wire
