#include "runtimes/lib/packs/toml_document.hpp"

#include <sstream>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace unik::runtimes {

Result<std::string> toml_as_json(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    std::ostringstream place;
    place << error.source().begin.line << ":" << error.source().begin.column;
    return invalid("bad_toml", place.str() + ": want TOML, found: " + std::string(error.description()));
  }
  std::ostringstream json;
  json << toml::json_formatter{parsed.table()};
  return json.str();
}

}  // namespace unik::runtimes
