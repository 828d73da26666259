#include "codec/documents.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "codec/manifest.hpp"
#include "codec/utf8.hpp"

namespace unik::codec {
namespace {

// `---` or `...` alone or before a blank.
bool is_mark(std::string_view text, std::size_t at, char mark) {
  if (text.size() - at < 3 || text[at] != mark || text[at + 1] != mark || text[at + 2] != mark) return false;
  return text.size() - at == 3 || std::strchr(" \t\r\n", text[at + 3]) != nullptr;
}

void add(Chunk chunk, std::string_view text, std::size_t end, std::vector<Chunk>& out) {
  chunk.size = end - chunk.begin;
  std::string_view inside = text.substr(chunk.begin, chunk.size);
  if (inside.starts_with("---")) inside.remove_prefix(3);
  if (inside.find_first_not_of(" \t\r\n") != std::string_view::npos) out.push_back(chunk);
}

// The first byte that no document may hold.
std::optional<Problem> foreign_byte(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c >= 0x20 && c < 0x80) || c == '\n' || c == '\t' || c == '\r') {
      ++at;
      continue;
    }
    const auto offset = static_cast<std::uint32_t>(at);
    if (c == 0) return Problem{offset, "want text, got a NUL byte"};
    if (c < 0x80) return Problem{offset, "want text, got a control character"};
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return Problem{offset, "want UTF-8, got a byte that is none: save the file as UTF-8"};
    at += length;
  }
  return std::nullopt;
}

// Where a document's content begins: after the mark that opens it, if it has one.
std::size_t content_of(std::string_view text) {
  const std::size_t mark = is_mark(text, 0, '-') ? 3 : 0;
  return std::min(text.find_first_not_of(" \t\r\n", mark), text.size());
}

// What JSON misses at the end of the text. YAML's words for an open brace are about what it has taken it for.
std::optional<Problem> ends_too_soon(std::string_view text, const Tree& json) {
  if (json.problems().empty() || json.problems().back().offset < text.size()) return std::nullopt;
  return Problem{json.problems().back().offset, "a brace, bracket or quote is opened and never closed"};
}

// A document that begins with a brace is JSON if it can be, else YAML in flow style: YAML parsers lack some of JSON's
// escapes, and take several times as long.
bool read_tree(std::string_view text, Tree& tree) {
  const std::size_t content = content_of(text);
  if (content < text.size() && text[content] == '{') {
    if (read_json(text, tree, content)) return true;
    const std::optional<Problem> ended = ends_too_soon(text, tree);
    tree.clear();
    if (read_yaml(text, tree)) return true;
    if (!ended) return false;
    tree.clear();
    return tree.fail(ended->offset, ended->message);
  }
  return read_yaml(text, tree);
}

}  // namespace

void split_documents(std::string_view text, std::size_t index, std::vector<Chunk>& out) {
  std::size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  int line = 1;
  Chunk chunk{index, at, 0, line};
  while (at < text.size() && out.size() <= kMaxDocuments) {
    const bool begins = is_mark(text, at, '-');
    if (begins || is_mark(text, at, '.')) {
      add(chunk, text, at, out);
      chunk = {index, begins ? at : at + 3, 0, line};
    }
    const void* const newline = std::memchr(text.data() + at, '\n', text.size() - at);
    if (newline == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const char*>(newline) - text.data()) + 1;
    ++line;
  }
  add(chunk, text, text.size(), out);
}

const TreeNode* load_document(std::string_view text, Tree& tree, Decoding& decoding) {
  tree.clear();
  if (text.size() > kMaxDocumentBytes) {
    decoding.faults.push_back({0, "",
                               "want a document of at most " + std::to_string(kMaxDocumentBytes) + " bytes, got " +
                                   std::to_string(text.size())});
    return nullptr;
  }
  if (auto foreign = foreign_byte(text)) {
    decoding.faults.push_back({foreign->offset, "", std::move(foreign->message)});
    return nullptr;
  }
  const bool complete = read_tree(text, tree);
  for (const Problem& problem : tree.problems()) decoding.faults.push_back({problem.offset, "", problem.message});
  const TreeNode* const root = tree.root();
  if (!complete || root == nullptr) return nullptr;
  const bool nothing = root->kind == NodeKind::kPlain && root->size == 0;  // a `---` with comments alone
  return nothing ? nullptr : root;
}

Fault fault_at(const PlacedFault& fault, std::string_view text, const std::string& file, int line) {
  const Place place = place_in(text, fault.offset);
  return {file, line - 1 + place.line, place.column, fault.path, fault.message};
}

std::vector<Fault> faults_of(Decoding& decoding, std::string_view text, const std::string& file, int line) {
  std::stable_sort(decoding.faults.begin(), decoding.faults.end(),
                   [](const PlacedFault& a, const PlacedFault& b) { return a.offset < b.offset; });
  std::vector<Fault> faults;
  faults.reserve(decoding.faults.size());
  for (const PlacedFault& fault : decoding.faults) faults.push_back(fault_at(fault, text, file, line));
  return faults;
}

Error bad_manifest(std::vector<Fault> faults) {
  // A document's own list is bounded too, so beyond the bound nobody knows how many there are.
  const bool more = faults.size() > kMaxFaults;
  Error error =
      invalid("bad_manifest", (more ? "more than " + std::to_string(kMaxFaults) : std::to_string(faults.size())) +
                                  (faults.size() == 1 ? " fault" : " faults") +
                                  " in the manifests, so nothing of them is used");
  if (more) {
    error.message += " (the first " + std::to_string(kMaxFaults) + " are listed)";
    faults.resize(kMaxFaults);
  }
  error.details = std::move(faults);
  return error;
}

}  // namespace unik::codec
