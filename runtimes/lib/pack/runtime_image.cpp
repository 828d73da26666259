#include "runtimes/lib/pack/runtime_image.hpp"

#include <algorithm>

namespace unik::runtimes {

std::map<std::string, std::string> parse_provides(std::string_view text) {
  std::map<std::string, std::string> pairs;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos) pairs.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return pairs;
}

std::string print_provides(const std::map<std::string, std::string>& provides) {
  std::string text;
  for (const auto& [name, version] : provides) text += (text.empty() ? "" : ",") + name + "=" + version;
  return text;
}

}  // namespace unik::runtimes
