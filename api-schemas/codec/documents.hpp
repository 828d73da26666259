// What every file that users write goes through before its fields are read: split into documents, checked for foreign
// bytes, parsed. Inside the codec only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/error.hpp"
#include "api/result.hpp"
#include "codec/fields.hpp"
#include "codec/manifest.hpp"
#include "codec/tree.hpp"

namespace unik::codec {

// The stretch of a text that one document takes.
struct Chunk {
  std::size_t text = 0;  // which of several texts
  std::size_t begin = 0;
  std::size_t size = 0;
  int line = 1;  // of its beginning
};

// Splits at the lines that end a document in YAML whatever stands around them, `---` and `...`. Blank stretches are
// dropped; stops once `out` holds more than kMaxDocuments.
void split_documents(std::string_view text, std::size_t index, std::vector<Chunk>& out);

// Reads one document into `tree`, with its faults in `decoding`. None when it is empty or cannot be read.
const TreeNode* load_document(std::string_view text, Tree& tree, Decoding& decoding);

Fault fault_at(const PlacedFault& fault, std::string_view text, const std::string& file, int line);

// All of them, in the order of the text.
std::vector<Fault> faults_of(Decoding& decoding, std::string_view text, const std::string& file, int line);

// `invalid`/`bad_manifest` with the first kMaxFaults of them.
Error bad_manifest(std::vector<Fault> faults);

// A text that is one document, no more and no less.
template <typename Value>
Result<Value> parse_one_document(const ManifestText& text, void (*read)(const At&, Value&)) {
  Value value;
  std::vector<Chunk> chunks;
  split_documents(text.text, 0, chunks);
  std::vector<Fault> faults;
  if (chunks.size() != 1) {
    faults.push_back({text.name, 1, 1, "", "want one document, got " + std::to_string(chunks.size())});
    return bad_manifest(std::move(faults));
  }
  const Chunk& chunk = chunks.front();
  const std::string_view document = std::string_view(text.text).substr(chunk.begin, chunk.size);
  Tree tree;
  Decoding decoding{kManifestReading, {}};
  if (const TreeNode* const root = load_document(document, tree, decoding))
    read(At{decoding, *root, Path{}}, value);
  else if (decoding.faults.empty())
    decoding.faults.push_back({0, "", "want a mapping of fields, got nothing"});
  faults = faults_of(decoding, document, text.name, chunk.line);
  if (!faults.empty()) return bad_manifest(std::move(faults));
  return value;
}

}  // namespace unik::codec
