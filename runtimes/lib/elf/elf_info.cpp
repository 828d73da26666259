#include "runtimes/lib/elf/elf_info.hpp"

#include <algorithm>
#include <charconv>

#include "runtimes/lib/elf/file_bytes.hpp"

namespace unik::runtimes {
namespace {

constexpr std::uint32_t kLoad = 1, kDynamic = 2, kInterp = 3, kNote = 4;
constexpr std::uint64_t kNeeded = 1, kStrTab = 5, kSoname = 14, kRpath = 15, kRunpath = 29, kVerNeed = 0x6ffffffe,
                        kVerNeedNum = 0x6fffffff, kVerDef = 0x6ffffffc, kVerDefNum = 0x6ffffffd;
constexpr std::uint32_t kXenNotePhys32Entry = 18;
constexpr std::size_t kMaxNoteBytes = 1 << 20;
constexpr std::size_t kMaxVersionRecords = 4096;
constexpr std::size_t kMaxNeeded = 1024;
constexpr std::uint64_t kMostAddress = INT64_MAX;

constexpr std::uint32_t kMultiboot1Magic = 0x1BADB002, kMultiboot2Magic = 0xE85250D6;
constexpr std::uint32_t kMultiboot1SaysWhere = 1 << 16;  // the header has load addresses: load_end, bss_end at 20, 24

struct Segment {
  std::uint32_t type = 0;
  std::uint64_t offset = 0, address = 0, size = 0, align = 0;
};

std::vector<std::string> split_path(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(':', start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

// `GLIBC_2.34` but not `GLIBC_PRIVATE`.
std::optional<GlibcVersion> parse_glibc(std::string_view text) {
  constexpr std::string_view kPrefix = "GLIBC_";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  return parse_glibc_version(text.substr(kPrefix.size()));
}

class ElfReader {
 public:
  ElfReader(const FileBytes& file, const std::filesystem::path& path) : file_(file), path_(path) {}

  Result<ElfInfo> run() {
    for (auto step : {&ElfReader::read_header, &ElfReader::read_segments, &ElfReader::read_interpreter,
                      &ElfReader::read_dynamic, &ElfReader::read_notes})
      if (auto done = (this->*step)(); !done) return std::move(done).error();
    return std::move(info_);
  }

 private:
  Error bad(const std::string& why) const { return invalid("bad_elf", path_.string() + ": a broken ELF file: " + why); }
  bool wide() const { return info_.bits == 64; }
  std::uint64_t number(std::string_view bytes, std::size_t offset, std::size_t width) const {
    return number_at(bytes, offset, width, info_.little_endian);
  }

  Result<void> read_header() {
    const auto magic = file_.read(0, 4);
    if (!magic || *magic !=
                      "\x7f"
                      "ELF")
      return invalid("not_elf", path_.string() + ": want an ELF file, found something else");
    const auto ident = file_.read(0, 16);
    if (!ident) return bad("its header is cut short");
    const int bits = (*ident)[4], order = (*ident)[5];
    if ((bits != 1 && bits != 2) || (order != 1 && order != 2)) return bad("its class or byte order is unknown");
    info_.bits = bits == 2 ? 64 : 32;
    info_.little_endian = order == 1;
    info_.os_abi = static_cast<std::uint8_t>((*ident)[7]);
    const auto header = file_.read(0, wide() ? 64 : 52);
    if (!header) return bad("its header is cut short");
    switch (number(*header, 16, 2)) {
      case 1:
        info_.type = ElfType::kRelocatable;
        break;
      case 2:
        info_.type = ElfType::kExecutable;
        break;
      case 3:
        info_.type = ElfType::kShared;
        break;
      case 4:
        info_.type = ElfType::kCore;
        break;
      default:
        info_.type = ElfType::kOther;
        break;
    }
    info_.machine = static_cast<std::uint16_t>(number(*header, 18, 2));
    info_.entry = number(*header, 24, wide() ? 8 : 4);
    table_offset_ = wide() ? number(*header, 32, 8) : number(*header, 28, 4);
    entry_size_ = number(*header, wide() ? 54 : 42, 2);
    entry_count_ = number(*header, wide() ? 56 : 44, 2);
    return {};
  }

  Result<void> read_segments() {
    if (entry_count_ == 0) return {};
    if (entry_count_ > kMaxProgramHeaders)
      return bad("want at most 1024 program headers, found " + std::to_string(entry_count_));
    const std::uint64_t least = wide() ? 56 : 32;
    if (entry_size_ < least) return bad("its program headers are too small");
    const auto table = file_.read(table_offset_, entry_size_ * entry_count_);
    if (!table) return bad("its program headers lie outside the file");
    for (std::uint64_t i = 0; i < entry_count_; ++i) {
      const std::string_view entry = std::string_view(*table).substr(i * entry_size_, entry_size_);
      Segment segment;
      segment.type = static_cast<std::uint32_t>(number(entry, 0, 4));
      segment.offset = wide() ? number(entry, 8, 8) : number(entry, 4, 4);
      segment.address = wide() ? number(entry, 16, 8) : number(entry, 8, 4);
      segment.size = wide() ? number(entry, 32, 8) : number(entry, 16, 4);
      segment.align = wide() ? number(entry, 48, 8) : number(entry, 28, 4);
      if (segment.type == kLoad && (segment.offset > file_.size() || segment.size > file_.size() - segment.offset))
        return bad("it is cut short: a part that is to be loaded lies beyond its " + std::to_string(file_.size()) +
                   " bytes");
      if (segment.type == kLoad) {
        const std::uint64_t physical = wide() ? number(entry, 24, 8) : number(entry, 12, 4);
        const std::uint64_t in_memory = wide() ? number(entry, 40, 8) : number(entry, 20, 4);
        const bool wraps = in_memory > kMostAddress || physical > kMostAddress - in_memory;
        if (in_memory > 0) info_.load_end = std::max(info_.load_end, wraps ? kMostAddress : physical + in_memory);
      }
      segments_.push_back(segment);
    }
    return {};
  }

  Result<void> read_interpreter() {
    for (const Segment& segment : segments_) {
      if (segment.type != kInterp) continue;
      if (segment.size < 2 || segment.size > kMaxElfString)
        return bad("the name of its interpreter is too long or empty");
      const auto text = file_.read(segment.offset, segment.size);
      if (!text) return bad("the name of its interpreter lies outside the file");
      info_.interpreter = text->substr(0, text->find('\0'));
      if (info_.interpreter.empty()) return bad("the name of its interpreter is empty");
    }
    return {};
  }

  // Where in the file a virtual address lies, and how much of its segment follows.
  struct Place {
    std::uint64_t offset = 0, left = 0;
  };
  std::optional<Place> place_of(std::uint64_t address) const {
    for (const Segment& segment : segments_)
      if (segment.type == kLoad && address >= segment.address && address - segment.address < segment.size) {
        const std::uint64_t into = address - segment.address;
        if (segment.offset > file_.size() || into > file_.size() - segment.offset) return std::nullopt;
        return Place{segment.offset + into, segment.size - into};
      }
    return std::nullopt;
  }

  std::optional<std::string> string_at(std::uint64_t index) const {
    const auto table = place_of(strings_);
    if (!table || index >= table->left) return std::nullopt;
    const std::string bytes =
        file_.read_some(table->offset + index, std::min<std::uint64_t>(kMaxElfString, table->left - index));
    const std::size_t end = bytes.find('\0');
    if (end == std::string::npos) return std::nullopt;
    return bytes.substr(0, end);
  }

  Result<void> read_dynamic() {
    const auto segment =
        std::find_if(segments_.begin(), segments_.end(), [](const Segment& s) { return s.type == kDynamic; });
    if (segment == segments_.end() || segment->size == 0) return {};
    info_.dynamic = true;
    const std::uint64_t width = wide() ? 16 : 8;
    if (segment->size / width > kMaxDynamicEntries) return bad("its dynamic section is too long");
    const auto table = file_.read(segment->offset, segment->size / width * width);
    if (!table) return bad("its dynamic section lies outside the file");
    std::vector<std::pair<std::uint64_t, std::uint64_t>> named;  // tag, index of the string
    std::uint64_t versions = 0, version_count = 0, defined = 0, defined_count = 0;
    for (std::uint64_t at = 0; at + width <= table->size(); at += width) {
      const std::uint64_t tag = number(*table, at, width / 2), value = number(*table, at + width / 2, width / 2);
      if (tag == 0) break;
      if (tag == kNeeded || tag == kSoname || tag == kRpath || tag == kRunpath) named.emplace_back(tag, value);
      if (tag == kStrTab) strings_ = value;
      if (tag == kVerNeed) versions = value;
      if (tag == kVerNeedNum) version_count = value;
      if (tag == kVerDef) defined = value;
      if (tag == kVerDefNum) defined_count = value;
    }
    if (named.size() > kMaxNeeded) return bad("want at most 1024 names in its dynamic section, found more");
    for (const auto& [tag, index] : named) {
      const auto text = string_at(index);
      if (!text) return bad("a name of its dynamic section lies outside the file");
      if (tag == kNeeded) info_.needed.push_back(*text);
      if (tag == kSoname) info_.soname = *text;
      if (tag == kRpath) info_.rpath = split_path(*text);
      if (tag == kRunpath) info_.runpath = split_path(*text);
    }
    if (defined != 0)
      if (auto read = read_defined_versions(defined, defined_count); !read) return read;
    if (versions == 0) return {};
    return read_versions(versions, version_count);
  }

  // Elf_Verneed: a chain of libraries, each with a chain of versions; both bounded, since either may be a loop.
  Result<void> read_versions(std::uint64_t address, std::uint64_t count) {
    std::size_t records = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto place = place_of(address);
      const auto need = place ? file_.read(place->offset, 16) : std::nullopt;
      if (!need) return bad("its symbol versions lie outside the file");
      std::uint64_t each = address + number(*need, 8, 4);
      for (std::uint64_t left = number(*need, 2, 2); left > 0; --left) {
        if (++records > kMaxVersionRecords) return bad("want at most 4096 symbol versions, found more");
        const auto each_place = place_of(each);
        const auto version = each_place ? file_.read(each_place->offset, 16) : std::nullopt;
        if (!version) return bad("its symbol versions lie outside the file");
        const auto name = string_at(number(*version, 8, 4));
        if (name) keep_newest(info_.newest_glibc, parse_glibc(*name));
        const std::uint64_t next = number(*version, 12, 4);
        if (next == 0) break;
        each += next;
      }
      if (++records > kMaxVersionRecords) return bad("want at most 4096 symbol versions, found more");
      const std::uint64_t next = number(*need, 12, 4);
      if (next == 0) break;
      address += next;
    }
    return {};
  }

  // Elf_Verdef: a chain of versions, each with its name first; bounded as well.
  Result<void> read_defined_versions(std::uint64_t address, std::uint64_t count) {
    for (std::uint64_t records = 0; records < count; ++records) {
      if (records == kMaxVersionRecords) return bad("want at most 4096 symbol versions, found more");
      const auto place = place_of(address);
      const auto version = place ? file_.read(place->offset, 20) : std::nullopt;
      const auto name_place = version ? place_of(address + number(*version, 12, 4)) : std::nullopt;
      const auto name_index = name_place ? file_.read(name_place->offset, 4) : std::nullopt;
      if (!name_index) return bad("its symbol versions lie outside the file");
      if (const auto name = string_at(number(*name_index, 0, 4))) keep_newest(info_.defined_glibc, parse_glibc(*name));
      const std::uint64_t next = number(*version, 16, 4);
      if (next == 0) break;
      address += next;
    }
    return {};
  }

  static void keep_newest(std::optional<GlibcVersion>& newest, const std::optional<GlibcVersion>& version) {
    if (version && (!newest || *newest < *version)) newest = version;
  }

  Result<void> read_notes() {
    for (const Segment& segment : segments_) {
      if (segment.type != kNote) continue;
      const std::string notes = file_.read_some(segment.offset, std::min<std::uint64_t>(segment.size, kMaxNoteBytes));
      const std::uint64_t align = segment.align == 8 ? 8 : 4;
      const auto up = [&](std::uint64_t value) { return (value + align - 1) / align * align; };
      for (std::uint64_t at = 0; at + 12 <= notes.size();) {
        const std::uint64_t name_size = number(notes, at, 4), size = number(notes, at + 4, 4);
        const std::uint64_t name_at = at + 12, value_at = name_at + up(name_size);
        if (value_at > notes.size() || size > notes.size() - value_at) break;
        const bool xen = std::string_view(notes).substr(name_at, name_size) == std::string_view("Xen\0", 4);
        if (xen && number(notes, at + 8, 4) == kXenNotePhys32Entry && (size == 4 || size == 8))
          info_.pvh_entry = static_cast<std::uint32_t>(number(notes, value_at, size));
        at = value_at + up(size);
      }
    }
    return {};
  }

  const FileBytes& file_;
  const std::filesystem::path& path_;
  ElfInfo info_;
  std::vector<Segment> segments_;
  std::uint64_t table_offset_ = 0, entry_size_ = 0, entry_count_ = 0, strings_ = 0;
};

}  // namespace

std::string to_string(const GlibcVersion& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

std::optional<GlibcVersion> parse_glibc_version(std::string_view text) {
  GlibcVersion version;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  if (std::from_chars(major.ptr + 1, end, version.minor).ec != std::errc()) return std::nullopt;
  return version;
}

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case 3:
      return "x86 (32 bits)";
    case 8:
      return "MIPS";
    case 20:
      return "PowerPC";
    case 21:
      return "PowerPC 64";
    case 22:
      return "s390";
    case 40:
      return "ARM (32 bits)";
    case 62:
      return "x86-64";
    case 183:
      return "aarch64";
    case 243:
      return "RISC-V";
    case 247:
      return "BPF";
    case 258:
      return "LoongArch";
    default:
      return "machine " + std::to_string(machine);
  }
}

Result<ElfInfo> read_elf(const std::filesystem::path& path) {
  auto file = FileBytes::open(path);
  if (!file) return std::move(file).error();
  return ElfReader(*file, path).run();
}

Result<MultibootHeaders> find_multiboot(const std::filesystem::path& path) {
  auto file = FileBytes::open(path);
  if (!file) return std::move(file).error();
  const std::string bytes = file->read_some(0, static_cast<std::uint64_t>(kMultiboot2Window));
  MultibootHeaders found;
  const auto word = [&](std::size_t at) { return static_cast<std::uint32_t>(number_at(bytes, at, 4)); };
  for (std::size_t at = 0; at + 12 <= bytes.size() && at + 12 <= kMultiboot1Window; at += 4)
    if (word(at) == kMultiboot1Magic && word(at) + word(at + 4) + word(at + 8) == 0) {
      found.version1 = true;
      if ((word(at + 4) & kMultiboot1SaysWhere) != 0 && at + 28 <= bytes.size())
        found.load_end = std::max(word(at + 20), word(at + 24));
      break;  // the first one is what a loader takes
    }
  for (std::size_t at = 0; at + 16 <= bytes.size(); at += 8)
    if (word(at) == kMultiboot2Magic && word(at) + word(at + 4) + word(at + 8) + word(at + 12) == 0)
      found.version2 = true;
  return found;
}

Bytes kernel_load_end(const std::filesystem::path& path) {
  const Result<MultibootHeaders> multiboot = find_multiboot(path);
  if (multiboot.ok() && multiboot->load_end > 0) return Bytes{static_cast<std::int64_t>(multiboot->load_end)};
  const Result<ElfInfo> elf = read_elf(path);
  return Bytes{elf.ok() ? static_cast<std::int64_t>(elf->load_end) : 0};
}

}  // namespace unik::runtimes
