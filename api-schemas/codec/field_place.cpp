#include "codec/field_place.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "codec/documents.hpp"

namespace unik::codec {
namespace {

// The stretch of `text` that holds what begins at `line`.
std::optional<Chunk> chunk_at(const ManifestText& text, int line) {
  std::vector<Chunk> chunks;
  split_documents(text.text, 0, chunks);
  const auto after =
      std::find_if(chunks.begin(), chunks.end(), [line](const Chunk& chunk) { return chunk.line > line; });
  if (after == chunks.begin()) return std::nullopt;
  return *std::prev(after);
}

const TreeNode* member(const TreeNode& mapping, std::string_view name) {
  if (mapping.kind != NodeKind::kMapping) return nullptr;
  for (const TreeNode* key = mapping.child; key != nullptr && key->next != nullptr; key = key->next->next)
    if (key->text() == name) return key->next;
  return nullptr;
}

// By its number, or by the `name` in it: what is sorted by name once it was read has lost its number.
const TreeNode* element(const TreeNode& sequence, std::string_view index) {
  if (sequence.kind != NodeKind::kSequence) return nullptr;
  std::size_t number = 0;
  const auto [end, problem] = std::from_chars(index.data(), index.data() + index.size(), number);
  const bool by_number = problem == std::errc() && end == index.data() + index.size();
  for (const TreeNode* at = sequence.child; at != nullptr; at = at->next) {
    const TreeNode* const name = by_number ? nullptr : member(*at, "name");
    if (by_number ? number-- == 0 : name != nullptr && name->text() == index) return at;
  }
  return nullptr;
}

// The node of `path` below `root`, or the last above it that is there.
const TreeNode& deepest(const TreeNode& root, std::string_view path) {
  const TreeNode* here = &root;
  while (!path.empty()) {
    const bool index = path.front() == '[';
    const std::size_t end = std::min(index ? path.find(']') : path.find_first_of(".["), path.size());
    const std::string_view name = path.substr(index ? 1 : 0, index ? end - 1 : end);
    const TreeNode* const next = index ? element(*here, name) : member(*here, name);
    if (next == nullptr) break;
    here = next;
    path.remove_prefix(std::min(end + (index ? 1 : 0), path.size()));
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return *here;
}

}  // namespace

Fault place_of_field(const ManifestText& text, const Fault& document, std::string_view path) {
  const Fault whole{document.file, document.line, document.column, "", ""};
  const auto chunk = chunk_at(text, document.line);
  if (!chunk) return whole;
  const std::string_view content = std::string_view(text.text).substr(chunk->begin, chunk->size);
  Tree tree;
  Decoding decoding{kManifestReading, {}};
  const TreeNode* const root = load_document(content, tree, decoding);
  if (root == nullptr) return whole;
  return fault_at({deepest(*root, path).offset, "", ""}, content, text.name, chunk->line);
}

}  // namespace unik::codec
