#include "agent/labels.hpp"

#include "api/labels.hpp"

namespace unik::agent {
namespace {

Error bad_label(std::string_view wanted, std::string_view found) {
  return invalid("bad_label", "--label: want " + std::string(wanted) + ", got `" + std::string(found) + "`");
}

}  // namespace

Result<Labels> parse_labels(const std::vector<std::string>& texts) {
  Labels labels;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) return bad_label("KEY=VALUE", text);
    const std::string key = text.substr(0, equals);
    const std::string value = text.substr(equals + 1);
    if (const std::string_view wanted = node_label_key(key); !wanted.empty()) return bad_label(wanted, key);
    if (const std::string_view wanted = label_value(value); !wanted.empty()) return bad_label(wanted, value);
    labels[key] = value;
  }
  if (labels.size() > kMaxLabels)
    return bad_label("at most " + std::to_string(kMaxLabels) + " labels", std::to_string(labels.size()));
  return labels;
}

}  // namespace unik::agent
