// The frame of every `from_json`: parse, read, turn faults into one Error. Inside the codec only.
#pragma once

#include <string>
#include <string_view>

#include "api/result.hpp"
#include "codec/fields.hpp"
#include "codec/json_reader.hpp"
#include "codec/tree.hpp"

namespace unik::codec {

// The root of the message in `tree`; none with the faults in `decoding`.
const TreeNode* load_message(std::string_view text, Tree& tree, Decoding& decoding);

// The same for a message that is part of another document.
const TreeNode* load_message(JsonView value, Tree& tree, Decoding& decoding);

// `want WHAT, got a message with N faults`, each with its path.
Error bad_message(std::string_view what, Decoding& decoding);

// `input` is a text or a JsonView.
template <typename T, typename Input, typename Read>
Result<T> read_message(const Input& input, std::string_view what, Reading reading, Read read) {
  Tree tree;
  Decoding decoding{reading, {}};
  T value{};
  if (const TreeNode* const root = load_message(input, tree, decoding)) read(At{decoding, *root, Path{}}, value);
  if (!decoding.faults.empty()) return bad_message(what, decoding);
  return value;
}

// For records whose reader takes Fields.
template <typename T, typename Input, typename Read>
Result<T> read_record(const Input& input, std::string_view what, Read read) {
  return read_message<T>(input, what, kRecordReading, [&](const At& at, T& out) {
    Fields in(at, what);
    read(in, out);
  });
}

}  // namespace unik::codec
