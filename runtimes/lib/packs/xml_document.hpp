// XML as packs read it (pom.xml, *.csproj): elements with their attributes, text and children, as a tree. Comments,
// processing instructions and the document type are passed over; entities of one's own are not known, so nothing can
// grow; what is no XML ends the reading where it stands, and the language's own tool then says what is wrong with it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace unik::runtimes {

inline constexpr int kMaxXmlDepth = 64;

struct XmlElement {
  std::string name;  // without a prefix
  std::map<std::string, std::string> attributes;
  std::string text;  // trimmed, of this element alone
  std::vector<XmlElement> children;

  // The text of the first child that is named so, or nothing.
  std::string child(std::string_view name) const;
};

// The root element, nameless where there is none.
XmlElement read_xml(std::string_view text);

// All elements below, at any depth, that are named so, in the order of the file.
std::vector<const XmlElement*> elements_named(const XmlElement& root, std::string_view name);

}  // namespace unik::runtimes
