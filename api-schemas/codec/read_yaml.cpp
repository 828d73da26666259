// The one place that knows yaml-cpp. Its events become a Tree; what it lets pass silently (an unterminated quote, tags,
// more than one root) is refused here.
#include <algorithm>
#include <istream>
#include <optional>
#include <streambuf>
#include <utility>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "codec/manifest.hpp"
#include "codec/tree.hpp"

namespace unik::codec {
namespace {

constexpr std::string_view kOpenQuote = "a quote is opened here and never closed";

// Lets an istream read where the text lies.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* const begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

// Where the quote that is opened at `at` ends: behind its closing one, or nowhere.
std::size_t end_of_quote(std::string_view text, std::size_t at) {
  const char quote = text[at++];
  for (; at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || at + 1 >= text.size() || text[at + 1] != '\'') return at + 1;
      ++at;
    }
  }
  return std::string_view::npos;
}

// Behind the quoted text or the comment that begins at `at`, or `at` itself; `before` is what stands before it, blanks
// aside. Inside a plain text neither a quote nor a `#` begins anything.
std::size_t past_text(std::string_view text, std::size_t at, char before) {
  const bool quote = text[at] == '"' || text[at] == '\'';
  if (quote && std::string_view("[{,:").find(before) != std::string_view::npos) return end_of_quote(text, at);
  const bool comment = text[at] == '#' && std::string_view(" \t\n").find(text[at - 1]) != std::string_view::npos;
  return comment ? text.find('\n', at) : at;
}

// What is wrong with the brackets from the one at `at` on, which stands inside `around` collections; none where they
// are closed.
std::optional<Problem> fault_of_brackets(std::string_view text, std::size_t at, std::size_t around) {
  std::vector<std::uint32_t> open;
  char before = text[at];
  while (at < text.size()) {
    const char c = text[at];
    if (const std::size_t past = past_text(text, at, before); past != at) {
      before = c == '#' ? before : c;
      at = past;
      continue;
    }
    if (c == '[' || c == '{') {
      if (around + open.size() >= kMaxNesting) return Problem{static_cast<std::uint32_t>(at), nesting_fault()};
      open.push_back(static_cast<std::uint32_t>(at));
    } else if (c == ']' || c == '}') {
      open.pop_back();
      if (open.empty()) return std::nullopt;
    }
    if (c != ' ' && c != '\t' && c != '\n') before = c;
    ++at;
  }
  return Problem{open.back(), std::string("a `") + text[open.back()] + "` is opened here and never closed"};
}

// yaml-cpp takes a bracket that nothing closes for the beginning of a key, or complains at the end of the text.
std::optional<Problem> fault_of_brackets(std::string_view text, const Tree& tree) {
  const std::vector<std::uint32_t> open = tree.open_offsets();
  const auto flow = std::find_if(open.begin(), open.end(), [&](std::uint32_t offset) {
    return offset < text.size() && (text[offset] == '[' || text[offset] == '{');
  });
  if (flow == open.end()) return std::nullopt;
  return fault_of_brackets(text, *flow, static_cast<std::size_t>(flow - open.begin()));
}

// Thrown through yaml-cpp, which has no other way to be stopped, and caught in `read_yaml`.
struct Stopped {};

class ToTree : public YAML::EventHandler {
 public:
  ToTree(std::string_view text, Tree& tree) : text_(text), tree_(tree) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // Documents are split at their `---` lines before they come here, so a second one is a slip of indentation.
    if (++documents_ == 2)
      need(tree_.fail(offset(mark),
                      "this is no part of the document above: check the indentation, or begin a document with `---`"));
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    need(tree_.scalar(NodeKind::kPlain, offset(mark), {}, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { need(tree_.alias(offset(mark), anchor)); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // yaml-cpp gives `?` to plain scalars and `!` to quoted ones, as to those that a `!` stands before.
    const bool plain = tag == "?";
    if (!plain && (tag != "!" || at(mark) == '!')) refuse_tag(mark);
    need(tree_.scalar(plain ? NodeKind::kPlain : NodeKind::kText, offset(mark), value, anchor));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(NodeKind::kSequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { need(tree_.end()); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(NodeKind::kMapping, mark, tag, anchor);
  }
  void OnMapEnd() override { need(tree_.end()); }

 private:
  static void need(bool going_on) {
    if (!going_on) throw Stopped();
  }

  void begin(NodeKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (tag != "?") refuse_tag(mark);
    if (tree_.wants_key())
      if (auto fault = fault_of_brackets(text_, tree_)) need(tree_.fail(fault->offset, std::move(fault->message)));
    need(tree_.begin(kind, offset(mark), anchor));
  }

  // yaml-cpp counts the bytes of UTF-8 input.
  std::uint32_t offset(const YAML::Mark& mark) const {
    const auto at = static_cast<std::size_t>(mark.pos < 0 ? 0 : mark.pos);
    return static_cast<std::uint32_t>(at < text_.size() ? at : text_.size());
  }
  char at(const YAML::Mark& mark) const { return offset(mark) < text_.size() ? text_[offset(mark)] : '\0'; }

  void refuse_tag(const YAML::Mark& mark) {
    tree_.complain(offset(mark), "tags (`!...`) are not supported: remove it, the field decides the type");
  }

  std::string_view text_;
  Tree& tree_;
  int documents_ = 0;
};

// At the end of the text yaml-cpp takes an open quote for closed. Only the last scalar can have been open.
bool is_unterminated(std::string_view text, const TreeNode& scalar) {
  if (scalar.kind != NodeKind::kText) return false;
  std::size_t at = scalar.offset;
  while (at < text.size() && text[at] != '"' && text[at] != '\'' && text[at] != '|' && text[at] != '>') ++at;
  if (at >= text.size() || text[at] == '|' || text[at] == '>') return false;
  return end_of_quote(text, at) == std::string_view::npos;
}

// yaml-cpp's words are about its grammar; the commonest mistakes deserve plain ones.
std::string explain(std::string_view text, std::uint32_t offset, const std::string& message) {
  std::size_t line = text.substr(0, offset).rfind('\n');
  line = line == std::string_view::npos ? 0 : line + 1;
  std::size_t first = line;
  while (first < text.size() && text[first] == ' ') ++first;
  if (first < text.size() && text[first] == '\t') return "indented with a tab: YAML wants spaces";
  if (message == "the referenced anchor is not defined")
    return "an alias without its anchor in this document: define it above with `&name`";
  if (offset < text.size() && (text[offset] == '@' || text[offset] == '`' || text[offset] == '%'))
    return std::string("text cannot begin with `") + text[offset] + "`: put it in quotes";
  if (message == "illegal map value")
    return "a second `: ` where one value is wanted: check the indentation, or put the text in quotes";
  return "no valid YAML: " + message;
}

}  // namespace

bool read_yaml(std::string_view text, Tree& tree) {
  TextBuffer buffer(text);
  try {
    std::istream input(&buffer);
    YAML::Parser parser(input);
    ToTree sink(text, tree);
    if (!parser.HandleNextDocument(sink)) return true;
    if (tree.last_scalar() != nullptr && is_unterminated(text, *tree.last_scalar()))
      return tree.fail(tree.last_scalar()->offset, std::string(kOpenQuote));
    parser.HandleNextDocument(sink);
    return true;
  } catch (const YAML::Exception& problem) {
    const auto at = static_cast<std::size_t>(problem.mark.pos < 0 ? 0 : problem.mark.pos);
    const auto offset = static_cast<std::uint32_t>(at < text.size() ? at : text.size());
    // A quote left open swallows what follows, and the complaint comes far below it.
    if (const TreeNode* const last = tree.last_scalar(); last != nullptr && is_unterminated(text, *last))
      return tree.fail(last->offset, std::string(kOpenQuote));
    if (problem.msg == "end of sequence flow not found" || problem.msg == "end of map flow not found")
      if (auto fault = fault_of_brackets(text, tree)) return tree.fail(fault->offset, std::move(fault->message));
    if (problem.msg == "illegal EOF in scalar") return tree.fail(offset, "a quote is opened above and never closed");
    return tree.fail(offset, explain(text, offset, problem.msg));
  } catch (const Stopped&) {
    return false;
  }
}

}  // namespace unik::codec
