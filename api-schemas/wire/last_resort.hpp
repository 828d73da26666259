// What main() of each program runs in: an exception that nobody expected becomes one line of error and the exit code of
// `internal`, and not a core dump. Nothing relies on it: what can fail returns a Result.
#pragma once

#include <exception>
#include <functional>
#include <utility>

#include "api/error.hpp"

namespace unik::wire {

// As `error: internal: …` on stderr.
int report_unexpected(const char* what);

template <typename Program>
int with_last_resort(Program&& program) {
  try {
    return std::invoke(std::forward<Program>(program));
  } catch (const std::exception& exception) {
    return report_unexpected(exception.what());
  } catch (...) {
    return report_unexpected("something that is no std::exception");
  }
}

}  // namespace unik::wire
