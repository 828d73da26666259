// Environment markers (`sys_platform == 'win32' and python_version < '3.12'`), by which a lock that is for every
// platform says what a package is for. Asked for one platform: CPython on Linux, x86_64.
#pragma once

#include <string>
#include <string_view>

namespace unik::runtimes {

// `python` is the full version, `3.11.2`. A marker that cannot be read holds: pip then sees the package and judges.
bool marker_holds(std::string_view marker, const std::string& python);

// Like `-1`, `0`, `1`, by the numbers of both; what is missing counts as 0.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace unik::runtimes
