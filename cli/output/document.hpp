// JSON text for people and for other tools: indented, or as YAML, members in the order in which they stand. What comes
// in was written by our own codec; a text that is no JSON is returned as it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unik::cli {

// Two spaces an indent, ends with a newline.
std::string pretty_json(std::string_view json);

// Block style, strings quoted wherever a YAML reader could take them for something else. Ends with a newline.
std::string yaml_of(std::string_view json);

// `{"items": […]}` of whole documents.
std::string json_list(const std::vector<std::string>& documents);

}  // namespace unik::cli
