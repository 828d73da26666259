#include "wire/last_resort.hpp"

#include <cstdio>

namespace unik::wire {

int report_unexpected(const char* what) {
  std::fprintf(stderr, "error: internal: want no exception here, got %s; this is a mistake of the program's own\n",
               what);
  return traits(ErrorCode::kInternal).exit_code;
}

}  // namespace unik::wire
