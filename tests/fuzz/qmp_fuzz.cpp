// What a compromised QEMU may send over its monitor: the session must stay bounded, and read the same whatever pieces
// the bytes come in. The first byte of the input says how large the pieces are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/qemu/qmp.hpp"
#include "api/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace unik::agent;
  if (size == 0) return 0;
  const std::size_t piece = std::max<std::size_t>(data[0], 1);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  QmpSession whole;
  const auto expected = whole.feed(text);
  QmpSession cut;
  std::vector<QmpMessage> messages;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const auto part = cut.feed(text.substr(at, piece));
    if (!part.ok()) {
      UNIK_CHECK(!expected.ok(), "pieces are refused where the whole is not");
      return 0;
    }
    messages.insert(messages.end(), part->begin(), part->end());
  }
  UNIK_CHECK(expected.ok() && *expected == messages, "pieces read otherwise than the whole");
  return 0;
}
