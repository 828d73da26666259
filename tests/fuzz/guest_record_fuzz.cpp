// Life records are bytes that a guest controls: any of them must be read, bounded, and the same whatever pieces they
// come in; what is kept of them is printable. The first byte of the input says how large the pieces are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/qemu/guest_records.hpp"
#include "agent/qemu/vm_outcome.hpp"
#include "api/check.hpp"

namespace {

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace unik::agent;
  if (size == 0) return 0;
  const std::size_t piece = std::max<std::size_t>(data[0], 1);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  GuestRecordParser whole;
  whole.feed(text);
  GuestRecordParser cut;
  for (std::size_t at = 0; at < text.size(); at += piece) cut.feed(text.substr(at, piece));
  UNIK_CHECK(whole.records() == cut.records(), "pieces read otherwise than the whole");
  UNIK_CHECK(printable(cut.records().not_started) && printable(cut.records().init_error), "a reason is not printable");
  VmTrace trace;
  trace.records = cut.records();
  trace.console_tail = text;
  const VmOutcome outcome = outcome_of(trace);
  UNIK_CHECK(outcome.exit || outcome.error, "a VM ended without a word");
  return 0;
}
