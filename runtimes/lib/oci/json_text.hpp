// Texts of foreign JSON documents.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace unik::runtimes {

// Empty when `value` is no object, has no such member, or one of another type.
std::string text_member(const nlohmann::json& value, const char* key);

}  // namespace unik::runtimes
