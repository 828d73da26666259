#include "api/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace unik {

void check_failed(const char* condition, const char* file, int line, const char* message) noexcept {
  std::fprintf(stderr, "fatal: %s:%d: %s: %s\n", file, line, condition, message);
  std::abort();
}

}  // namespace unik
