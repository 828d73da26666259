#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "api/check.hpp"
#include "wire/log.hpp"

namespace unik::wire {
namespace {

constexpr std::size_t kIdBytes = 16;

// A call into the kernel for each id would be a tenth of a small request's time, so a thread fetches 32 at once.
struct Pool {
  std::array<unsigned char, 32 * kIdBytes> bytes{};
  std::size_t used = sizeof(bytes);
};

}  // namespace

std::string new_trace_id() {
  constexpr std::string_view kHex = "0123456789abcdef";
  thread_local Pool pool;
  if (pool.used == pool.bytes.size()) {
    // Requests of more than 256 bytes may be cut short by a signal.
    for (std::size_t have = 0; have < pool.bytes.size();) {
      const ssize_t n = getrandom(pool.bytes.data() + have, pool.bytes.size() - have, 0);
      if (n > 0) have += static_cast<std::size_t>(n);
      UNIK_CHECK(n > 0 || errno == EINTR, "the kernel gives no random bytes");
    }
    pool.used = 0;
  }
  std::string id;
  id.reserve(2 * kIdBytes);
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    const unsigned char byte = pool.bytes[pool.used++];
    id += kHex[byte >> 4];
    id += kHex[byte & 15];
  }
  return id;
}

bool is_trace_id(std::string_view text) {
  return text.size() == 2 * kIdBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace unik::wire
