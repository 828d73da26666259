// Small ELF files and kernel headers, written field by field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unik::runtimes {

inline void append_number(std::string& out, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i));
}

inline std::string multiboot1(std::uint32_t flags = 0) {
  std::string header;
  for (const std::uint32_t word : {0x1BADB002u, flags, 0u - 0x1BADB002u - flags}) append_number(header, word, 4);
  return header;
}

inline std::string multiboot2() {
  std::string header;
  for (const std::uint32_t word : {0xE85250D6u, 0u, 16u, 0u - 0xE85250D6u - 16u}) append_number(header, word, 4);
  return header;
}

struct ElfDraft {
  int bits = 64;
  std::uint16_t type = 2;      // executable
  std::uint16_t machine = 62;  // x86-64
  std::uint8_t os_abi = 0;
  std::uint64_t entry = 0x400100;
  std::string interpreter;
  std::vector<std::string> needed;
  std::string rpath, runpath, soname;
  std::optional<std::uint32_t> pvh_entry;
  std::string extra;  // bytes right after the headers, at a multiple of 8
};

// One PT_LOAD that maps the whole file at 0x400000, and whatever else the draft asks for.
inline std::string make_elf(const ElfDraft& draft) {
  constexpr std::uint64_t kAddress = 0x400000;
  const bool wide = draft.bits == 64;
  const std::size_t word = wide ? 8 : 4, header_size = wide ? 64 : 52, segment_size = wide ? 56 : 32;
  struct Segment {
    std::uint32_t type;
    std::uint64_t offset, size;
  };
  std::vector<Segment> segments = {{1, 0, 0}};
  const bool dynamic = !draft.needed.empty() || !draft.rpath.empty() || !draft.runpath.empty() || !draft.soname.empty();
  const std::size_t count = 1 + (draft.interpreter.empty() ? 0 : 1) + (dynamic ? 1 : 0) + (draft.pvh_entry ? 1 : 0);
  const std::size_t start = (header_size + count * segment_size + 7) / 8 * 8;
  std::string body = draft.extra;
  body.resize((body.size() + 7) / 8 * 8);
  if (!draft.interpreter.empty()) {
    segments.push_back({3, start + body.size(), draft.interpreter.size() + 1});
    body += draft.interpreter + '\0';
  }
  if (dynamic) {
    std::string strings(1, '\0'), table;
    const auto entry = [&](std::uint64_t tag, std::uint64_t value) {
      append_number(table, tag, word);
      append_number(table, value, word);
    };
    const auto text = [&](std::uint64_t tag, const std::string& value) {
      if (value.empty()) return;
      entry(tag, strings.size());
      strings += value + '\0';
    };
    for (const std::string& name : draft.needed) text(1, name);
    text(14, draft.soname);
    text(15, draft.rpath);
    text(29, draft.runpath);
    entry(5, kAddress + start + body.size());
    entry(0, 0);
    body += strings;
    segments.push_back({2, start + body.size(), table.size()});
    body += table;
  }
  if (draft.pvh_entry) {
    body.resize((body.size() + 7) / 8 * 8);
    std::string note;
    append_number(note, 4, 4);
    append_number(note, 4, 4);
    append_number(note, 18, 4);
    note += std::string("Xen\0", 4);
    append_number(note, *draft.pvh_entry, 4);
    segments.push_back({4, start + body.size(), note.size()});
    body += note;
  }
  segments[0].size = start + body.size();

  std::string out = std::string(
                        "\x7f"
                        "ELF") +
                    static_cast<char>(wide ? 2 : 1) + '\1' + '\1' + static_cast<char>(draft.os_abi);
  out.resize(16);
  append_number(out, draft.type, 2);
  append_number(out, draft.machine, 2);
  append_number(out, 1, 4);
  append_number(out, draft.entry, word);
  append_number(out, header_size, word);
  append_number(out, 0, word);
  append_number(out, 0, 4);
  append_number(out, header_size, 2);
  append_number(out, segment_size, 2);
  append_number(out, segments.size(), 2);
  out.resize(header_size);
  for (const Segment& segment : segments) {
    const std::uint64_t address = kAddress + segment.offset;
    append_number(out, segment.type, 4);
    if (wide) append_number(out, 5, 4);
    for (const std::uint64_t value : {segment.offset, address, address - 0x300000, segment.size, segment.size})
      append_number(out, value, word);
    if (!wide) append_number(out, 5, 4);
    append_number(out, 4, word);
  }
  out.resize(start);
  return out + body;
}

}  // namespace unik::runtimes
