// Request bytes from anybody: the parser and the target reader must neither crash nor read the same bytes differently
// because of where the network cut them. The first byte of the input says how large the pieces are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/check.hpp"
#include "wire/request_parser.hpp"
#include "wire/request_target.hpp"

namespace unik::wire {
namespace {

std::string read_requests(std::string_view text, std::size_t piece) {
  RequestParser parser;
  std::string out;
  std::string kept;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    kept += text.substr(0, piece);
    for (bool more = true; more;) {
      const RequestParser::Progress progress = parser.next(kept);
      UNIK_CHECK(progress.consumed <= kept.size(), "the parser took more than there was");
      if (progress.step == RequestParser::Step::kRefused) return out + "refused";
      if (progress.step == RequestParser::Step::kHead) {
        out += parser.head().method + ' ' + parser.head().target + '\n';
        (void)parse_request_target(parser.head().target);
      }
      if (progress.step == RequestParser::Step::kBody) out += parser.body();
      if (progress.step == RequestParser::Step::kDone) {
        out += "\n\n";
        parser.reset();
      }
      more = progress.step != RequestParser::Step::kNeedMore;
      kept.erase(0, progress.consumed);
    }
  }
  return out;
}

}  // namespace
}  // namespace unik::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = unik::wire::read_requests(text, text.size());
  const std::string pieces = unik::wire::read_requests(text, 1 + data[0] % 64);
  // Input that is cut off may be refused earlier or later.
  const auto without_refusal = [](std::string_view reading) {
    return reading.ends_with("refused") ? reading.substr(0, reading.size() - 7) : reading;
  };
  const std::string_view a = without_refusal(whole);
  const std::string_view b = without_refusal(pieces);
  UNIK_CHECK(a.starts_with(b) || b.starts_with(a), "the same bytes were read as two different things");
  return 0;
}
