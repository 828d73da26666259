#include "runtimes/lib/packs/xml_document.hpp"

#include <algorithm>
#include <utility>

namespace unik::runtimes {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string trimmed_text(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::string decoded(std::string_view text) {
  constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}};
  std::string plain;
  while (!text.empty()) {
    const auto known = std::find_if(std::begin(kEntities), std::end(kEntities),
                                    [&](const auto& entity) { return text.starts_with(entity.first); });
    const bool entity = known != std::end(kEntities);
    plain += entity ? known->second : text.front();
    text.remove_prefix(entity ? known->first.size() : 1);
  }
  return plain;
}

class XmlReader {
 public:
  explicit XmlReader(std::string_view text) : rest_(text) {}

  // The children and the text of an element, up to its end tag.
  void read_into(XmlElement& parent, int depth) {
    std::string text;
    while (!rest_.empty() && depth <= kMaxXmlDepth) {
      const std::size_t tag = std::min(rest_.find('<'), rest_.size());
      text += decoded(rest_.substr(0, tag));
      rest_.remove_prefix(tag);
      if (rest_.starts_with("<!--")) {
        skip_past("-->");
      } else if (rest_.starts_with("<![CDATA[")) {
        rest_.remove_prefix(std::string_view("<![CDATA[").size());
        text += rest_.substr(0, rest_.find("]]>"));
        skip_past("]]>");
      } else if (rest_.starts_with("<?") || rest_.starts_with("<!")) {
        skip_past(">");
      } else if (rest_.starts_with("</")) {
        skip_past(">");
        break;
      } else if (!rest_.empty()) {
        read_element(parent, depth);
      }
    }
    parent.text = trimmed_text(text);
  }

 private:
  void skip_past(std::string_view end) {
    const std::size_t at = rest_.find(end);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + end.size());
  }
  std::string_view word(std::string_view ends) {
    const std::size_t end = std::min(rest_.find_first_of(ends), rest_.size());
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return found;
  }
  void read_element(XmlElement& parent, int depth) {
    rest_.remove_prefix(1);
    XmlElement element;
    const std::string_view name = word(" \t\r\n/>");
    element.name = std::string(name.substr(name.find(':') + 1));  // npos + 1 == 0: no prefix, the whole name
    bool empty = false;
    while (!rest_.empty() && !rest_.starts_with(">")) {
      if (kSpace.find(rest_.front()) != std::string_view::npos || rest_.front() == '/') {
        empty = rest_.front() == '/';
        rest_.remove_prefix(1);
        continue;
      }
      const std::string key(word("= \t\r\n/>"));
      rest_.remove_prefix(std::min(rest_.find_first_not_of("= \t\r\n"), rest_.size()));
      if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\'')) break;
      const char quote[] = {rest_.front(), '\0'};
      rest_.remove_prefix(1);
      element.attributes[key] = decoded(word(quote));
      if (!rest_.empty()) rest_.remove_prefix(1);
    }
    skip_past(">");
    if (!empty) read_into(element, depth + 1);
    parent.children.push_back(std::move(element));
  }

  std::string_view rest_;
};

}  // namespace

std::string XmlElement::child(std::string_view wanted) const {
  for (const XmlElement& element : children)
    if (element.name == wanted) return element.text;
  return "";
}

XmlElement read_xml(std::string_view text) {
  XmlElement document;
  XmlReader(text).read_into(document, 0);
  return document.children.empty() ? XmlElement{} : std::move(document.children.front());
}

std::vector<const XmlElement*> elements_named(const XmlElement& root, std::string_view name) {
  std::vector<const XmlElement*> found;
  for (const XmlElement& child : root.children) {
    if (child.name == name) found.push_back(&child);
    for (const XmlElement* below : elements_named(child, name)) found.push_back(below);
  }
  return found;
}

}  // namespace unik::runtimes
