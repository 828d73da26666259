// The envelope of every failed answer.
#include "codec/json.hpp"
#include "codec/message.hpp"
#include "codec/records.hpp"

namespace unik::codec {
namespace {

constexpr std::size_t kShownAnswer = 200;

}  // namespace

void write(JsonWriter& out, const Error& error) {
  out.begin_object()
      .field("code", traits(error.code).name)
      .field("reason", error.reason)
      .field("message", error.message);
  out.key("details").begin_array();
  for (const Fault& fault : error.details) {
    out.begin_object().field("file", fault.file).field("line", fault.line).field("column", fault.column);
    out.field("path", fault.path).field("message", fault.message).end_object();
  }
  out.end_array().field("trace_id", error.trace_id).end_object();
}

void read(Fields& in, Error& error) {
  in.one_of("code", error.code, parse_error_code, "an error code such as invalid or not_found");
  in.text("reason", error.reason);
  in.text("message", error.message);
  in.list("details", kMaxDetails, [&](const At& at) {
    Fields detail(at, "detail");
    Fault& fault = error.details.emplace_back();
    detail.text("file", fault.file);
    detail.integer<int>("line", fault.line, 0);
    detail.integer<int>("column", fault.column, 0);
    detail.text("path", fault.path);
    detail.text("message", fault.message);
  });
  in.text("trace_id", error.trace_id);
}

std::string to_json(const Error& error) {
  JsonWriter out;
  out.begin_object().key("error");
  write(out, error);
  out.end_object();
  return out.take();
}

Error error_from_json(std::string_view text, int http_status) {
  struct Envelope {
    Error error;
    bool found = false;
  };
  const auto envelope = read_record<Envelope>(text, "error", [](Fields& in, Envelope& out) {
    in.object("error", "error", [&](Fields& error) {
      out.found = error.has("code");
      read(error, out.error);
    });
  });
  if (envelope && envelope->found) return envelope->error;
  const std::string message = "want an answer of unikctl's API, got HTTP status " + std::to_string(http_status) +
                              " with: " + std::string(text.substr(0, kShownAnswer));
  const bool of_a_proxy = http_status >= 502 && http_status <= 504;
  return of_a_proxy ? unavailable("bad_answer", message) : internal("bad_answer", message);
}

}  // namespace unik::codec
