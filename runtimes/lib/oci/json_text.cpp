#include "runtimes/lib/oci/json_text.hpp"

#include <nlohmann/json.hpp>

namespace unik::runtimes {

std::string text_member(const nlohmann::json& value, const char* key) {
  const auto member = value.find(key);
  return member != value.end() && member->is_string() ? member->get<std::string>() : std::string();
}

}  // namespace unik::runtimes
