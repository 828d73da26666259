// requirements.txt and what it includes, read as pip reads it.
#pragma once

#include <string>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

// Whether each requirement of the text carries its hash; `first_without` names the one that does not.
bool is_hashed(const std::string& requirements, std::string* first_without = nullptr);

// Whether `file` of the source asks for wheels and nothing else: an option may make pip build from sources, and what is
// named by its path or URL is built whatever the options say. Both run what a package brings. Errors:
// `invalid/not_a_wheel`, `invalid/unsafe_source`, naming the line; those of reading a file.
Result<void> check_requirements(const PackContext& context, const std::string& file);

}  // namespace unik::runtimes
