// What of a Java build is started: the jar that says its main class, or that is given one by the project; with the jars
// that it needs beside it in /app/lib.
#pragma once

#include <string>
#include <vector>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

// The date that entries of jars are given, so that two builds are the same bytes.
inline constexpr const char* kJarDate = "2024-01-01T00:00:00Z";

// The JDK, of the runtime's version: newer classes would not load there.
ToolNeed jdk_tool(const PackContext& context);

// Classes of the source with a `main`, by their full names, sorted.
std::vector<std::string> main_classes(const SourceTree& source);

// Moves the jar that a build left in `work` to /app; libraries are in `app`/lib already. Sources, documentation and
// tests are no programs. `named` is the main class that the project names outside its jar. Errors:
// `invalid/no_entry_point`, naming `file`.
Result<Launch> launch_jar(const PackContext& context, const std::string& file, const std::string& named);

// Errors: `invalid/bad_jar`. Empty where the manifest does not have it.
Result<std::string> main_class_of_jar(const std::filesystem::path& jar);

}  // namespace unik::runtimes
