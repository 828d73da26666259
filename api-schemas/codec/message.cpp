#include "codec/message.hpp"

#include <utility>

#include "codec/json.hpp"

namespace unik::codec {

const TreeNode* load_message(std::string_view text, Tree& tree, Decoding& decoding) {
  if (text.size() > kMaxMessageBytes) {
    decoding.faults.push_back({0, "",
                               "want a message of at most " + std::to_string(kMaxMessageBytes) + " bytes, got " +
                                   std::to_string(text.size())});
    return nullptr;
  }
  const bool complete = read_json(text, tree);
  for (const Problem& problem : tree.problems()) decoding.faults.push_back({problem.offset, "", problem.message});
  return complete ? tree.root() : nullptr;
}

const TreeNode* load_message(JsonView value, Tree&, Decoding& decoding) {
  if (!value.exists()) decoding.faults.push_back({0, "", "want a value, got none"});
  return value.node();
}

Error bad_message(std::string_view what, Decoding& decoding) {
  const std::size_t count = decoding.faults.size();
  Error error = invalid(std::string(decoding.reason), "want a " + std::string(what) + " in JSON, got one with " +
                                                          std::to_string(count) + (count == 1 ? " fault" : " faults"));
  for (PlacedFault& fault : decoding.faults)
    error.details.push_back({"", 0, 0, std::move(fault.path), std::move(fault.message)});
  return error;
}

}  // namespace unik::codec
