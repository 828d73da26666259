// Checks for programmer errors. A failed check prints where and what, then ends the process: durable state is on disk,
// and a program that has lost track of itself must not go on writing to it. On in release builds too.
#pragma once

namespace unik {

[[noreturn]] void check_failed(const char* condition, const char* file, int line, const char* message) noexcept;

}  // namespace unik

#define UNIK_CHECK(condition, message)                               \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::unik::check_failed(#condition, __FILE__, __LINE__, message); \
  } while (false)
