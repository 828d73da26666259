// Writes block-style YAML with the calls of JsonWriter. Inside the codec only.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unik::codec {

// Whether `text` must stand in quotes for every reader of YAML 1.1 and 1.2 to take it as this text.
bool needs_quotes(std::string_view text);

class YamlWriter {
 public:
  YamlWriter& begin_object() { return open('{'); }
  YamlWriter& end_object() { return close("{}"); }
  YamlWriter& begin_array() { return open('['); }
  YamlWriter& end_array() { return close("[]"); }
  YamlWriter& key(std::string_view name);
  YamlWriter& text(std::string_view value);

  YamlWriter& field(std::string_view name, std::string_view value) { return key(name).text(value); }
  YamlWriter& field(std::string_view name, const char* value) { return key(name).text(value); }
  YamlWriter& field(std::string_view name, const std::string& value) { return key(name).text(value); }
  YamlWriter& field(std::string_view name, bool value) { return key(name).plain(value ? "true" : "false"); }
  template <std::integral Int>
  YamlWriter& field(std::string_view name, Int value) {
    return key(name).plain(std::to_string(value));
  }

  std::string take() { return std::move(out_); }

 private:
  struct Level {
    char kind = '{';
    bool is_item = false;    // of a sequence: its first entry goes on the line of the `- `
    bool after_key = false;  // of a mapping: its first entry begins a new line
    bool empty = true;
  };

  YamlWriter& open(char kind);
  YamlWriter& close(std::string_view if_empty);
  YamlWriter& plain(std::string_view value);
  void begin_entry();  // the indentation, and the `- ` of an element

  std::string out_;
  std::vector<Level> levels_;
};

}  // namespace unik::codec
