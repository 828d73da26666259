// The one place that knows yaml-cpp. Its events become a Tree; what it lets pass silently (an unterminated quote, tags,
// more than one root) is refused here.
#include <istream>
#include <streambuf>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

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
    if (tag != "?") refuse_tag(mark);
    need(tree_.begin(NodeKind::kSequence, offset(mark), anchor));
  }
  void OnSequenceEnd() override { need(tree_.end()); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (tag != "?") refuse_tag(mark);
    need(tree_.begin(NodeKind::kMapping, offset(mark), anchor));
  }
  void OnMapEnd() override { need(tree_.end()); }

 private:
  static void need(bool going_on) {
    if (!going_on) throw Stopped();
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
  const char quote = text[at++];
  for (; at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || at + 1 >= text.size() || text[at + 1] != '\'') return false;
      ++at;
    }
  }
  return true;
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
    if (problem.msg == "illegal EOF in scalar") return tree.fail(offset, "a quote is opened above and never closed");
    return tree.fail(offset, explain(text, offset, problem.msg));
  } catch (const Stopped&) {
    return false;
  }
}

}  // namespace unik::codec
