#include "codec/signatures_json.hpp"

#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"

namespace unik::codec {

std::string signatures_json(const std::vector<std::string>& texts) {
  JsonWriter out;
  out.begin_object().key("signatures").begin_array();
  for (const std::string& text : texts) out.text(text);
  return out.end_array().end_object().take();
}

Result<std::vector<std::string>> read_signatures(std::string_view json) {
  const auto document = JsonDocument::parse(json);
  if (!document || !document->root()["signatures"].is_array())
    return invalid("bad_message", "want an object with the list `signatures`, found something else");
  std::vector<std::string> texts;
  for (JsonView text = document->root()["signatures"].first(); text.exists() && texts.size() < kMaxSignatureTexts;
       text = text.next())
    texts.push_back(text.text_or(""));
  return texts;
}

}  // namespace unik::codec
