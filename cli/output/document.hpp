// JSON text for people and for other tools: indented, or as YAML, members in the order in which they stand. What comes
// in was written by our own codec; a text that is no JSON is returned as it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output/format.hpp"
#include "codec/json_writer.hpp"

namespace unik::cli {

// Two spaces an indent, ends with a newline.
std::string pretty_json(std::string_view json);

// Block style, strings quoted wherever a YAML reader could take them for something else. Ends with a newline.
std::string yaml_of(std::string_view json);

// By one of the two; `format` is kYaml or kJson.
std::string document_in(OutputFormat format, std::string_view json);

// A member that is an array of strings.
void write_texts(codec::JsonWriter& out, std::string_view key, const std::vector<std::string>& texts);

// `{"items": […]}` of whole documents.
std::string json_list(const std::vector<std::string>& documents);

}  // namespace unik::cli
