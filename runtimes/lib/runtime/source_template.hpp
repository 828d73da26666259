// The source of a new runtime: files that validate, build and boot as they are, for somebody to change. Pure.
#pragma once

#include <map>
#include <string>

namespace unik::runtimes {

// By their paths below the source's directory. A lock is not among them: it says what this machine's archives have.
std::map<std::string, std::string> source_template(const std::string& name);

}  // namespace unik::runtimes
