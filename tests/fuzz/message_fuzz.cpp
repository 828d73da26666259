// The JSON of clients, agents and servers: whatever comes, it is read as a value that comes back from its own print, or
// refused with a reason. The first byte of the input says which message the rest is to be, `a` for the first of
// kReaders.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/check.hpp"
#include "codec/json.hpp"
#include "codec/json_reader.hpp"
#include "codec/views_json.hpp"

namespace unik::codec {
namespace {

// Once printed, a value stays as it is. Before that a time loses its microseconds, and only that.
template <typename T>
void read_message_as(std::string_view text) {
  const Result<T> value = from_json<T>(text);
  if (!value.ok()) {
    UNIK_CHECK(!value.error().reason.empty() && !value.error().message.empty(), "a refusal without a reason");
    return;
  }
  const std::string printed = to_json(*value);
  const Result<T> again = from_json<T>(printed);
  UNIK_CHECK(again.ok() && to_json(*again) == printed, "what was printed is read as something else");
}

// An answer that is no JSON is quoted; bytes that are no text do not come through the print.
void read_error(std::string_view text) {
  const std::string printed = to_json(error_from_json(text, 503));
  UNIK_CHECK(to_json(error_from_json(printed, 503)) == printed, "an error is read as another one");
}

// What a route does with a body that has no type of its own: every member of every value is asked for.
std::size_t walk(JsonView value) {
  std::size_t seen = 1 + value.text_or("").size() + value.key().size();
  seen += value.integer().has_value() + value.unsigned_integer().has_value() + value.real().has_value();
  seen += value.boolean().has_value() + value.is_null();
  if (value.is_object()) UNIK_CHECK(!value["\x01 no such member"].exists(), "a member that nobody wrote");
  std::size_t children = 0;
  for (JsonView child = value.first(); child.exists(); child = child.next(), ++children) seen += walk(child);
  UNIK_CHECK(children == value.size(), "a walk sees other values than are counted");
  return seen;
}

void read_document(std::string_view text) {
  if (const Result<JsonDocument> document = JsonDocument::parse(text)) walk(document->root());
}

// New ones go to the end, so that the corpus keeps its meaning.
constexpr std::array kReaders = {
    read_document,
    read_error,
    read_message_as<RegisterRequest>,
    read_message_as<Report>,
    read_message_as<ReportBody>,
    read_message_as<RegisterReply>,
    read_message_as<HeartbeatReply>,
    read_message_as<Goals>,
    read_message_as<Action>,
    read_message_as<LogRequest>,
    read_message_as<Resource>,
    read_message_as<Operation>,
    read_message_as<ApplyReply>,
    read_message_as<StatusView>,
    read_message_as<AppView>,
    read_message_as<InstanceView>,
    read_message_as<NodeView>,
    read_message_as<TenantView>,
    read_message_as<RolloutView>,
    read_message_as<EventView>,
    read_message_as<Explanation>,
    read_message_as<Page<InstanceView>>,
    read_message_as<Page<Operation>>,
};

}  // namespace
}  // namespace unik::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using unik::codec::kReaders;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t reader = static_cast<std::uint8_t>(data[0] - 'a') % kReaders.size();
  kReaders[reader](text);
  return 0;
}
