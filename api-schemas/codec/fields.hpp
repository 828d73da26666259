// Typed reading of a mapping's fields out of a Tree: every value read checks its type and bounds, and every fault lands
// in one list with its path and place instead of ending the work.
//
// Inside the codec only. A Fields knows which names were asked for, so that whatever else stands in the mapping can be
// reported, with the names that would have been right. A getter leaves its target alone when the field is absent or
// wrong.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/ids.hpp"
#include "api/rare_text.hpp"
#include "api/result.hpp"
#include "api/time.hpp"
#include "api/units.hpp"
#include "codec/tree.hpp"

namespace unik::codec {

// How a text is to be read.
struct Reading {
  bool refuse_unknown = true;  // manifests and goals; records of another release may hold more than we know
  bool plain_is_text = true;   // what YAML 1.2 takes for text; in records only what is quoted is
  bool null_is_absent = false;
};

inline constexpr Reading kManifestReading{true, true, false};
inline constexpr Reading kStoredManifestReading{false, false, true};
inline constexpr Reading kRecordReading{false, false, true};

struct PlacedFault {
  std::uint32_t offset = 0;
  std::string path;
  std::string message;
};

// What one decoding shares.
struct Decoding {
  Reading reading;
  std::vector<PlacedFault> faults;
  std::string_view reason = "bad_message";  // of the Error, for records
};

// Where a value stands, as a list through the stack; turned into text for faults alone.
struct Path {
  const Path* parent = nullptr;
  std::string_view name;  // of a field; empty for an element
  std::size_t index = 0;

  std::string str() const;
};

// One value and its place.
struct At {
  Decoding& decoding;
  const TreeNode& node;
  const Path& path;

  void fault(std::string message) const;
  // `want WANTED, got ...`
  void want(std::string_view wanted) const;
};

// What a text must be: empty when it is fine, else what is wanted (`a DNS label ...`).
using TextRule = std::string_view (*)(std::string_view text);

std::string_view any_text(std::string_view text);
std::string_view dns_label(std::string_view text);
std::string_view sha256_digest(std::string_view text);

std::optional<std::string_view> read_text(const At& at, TextRule rule = any_text);
std::optional<std::int64_t> read_signed(const At& at, std::int64_t least, std::int64_t most);
// `words` may stand in its place, which the caller has looked for before: a fault names them too.
std::optional<std::uint64_t> read_unsigned(const At& at, std::uint64_t least, std::uint64_t most,
                                           std::span<const std::string_view> words = {});
std::optional<bool> read_boolean(const At& at);
std::optional<Duration> read_duration(const At& at, Duration least, Duration most);  // `5s`
std::optional<Bytes> read_bytes(const At& at, Bytes least);                          // `128Mi`
std::optional<MilliCpu> read_cpu(const At& at, MilliCpu least);                      // `500m`
std::optional<WallTime> read_wall_time(const At& at);

class Fields {
 public:
  // `what` names the mapping in faults (`App.spec`). A node that is no mapping is a fault, and reads as empty.
  Fields(const At& at, std::string_view what);
  ~Fields();  // reports what was never asked for
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  // The field's value; none when absent. `get` calls `read(At)` on it.
  const TreeNode* find(std::string_view name);
  template <typename Read>
  bool get(std::string_view name, Read read) {
    const TreeNode* const node = find(name);
    if (node == nullptr) return false;
    const Path path{&at_.path, name, 0};
    read(At{at_.decoding, *node, path});
    return true;
  }

  bool text(std::string_view name, std::string& out, TextRule rule = any_text) {
    return get(name, [&](const At& at) { store(read_text(at, rule), out); });
  }
  bool text(std::string_view name, RareText& out) {
    return get(name, [&](const At& at) {
      if (const auto value = read_text(at)) out = std::string(*value);
    });
  }
  template <std::integral Int>
  bool integer(std::string_view name, Int& out, Int least = std::numeric_limits<Int>::min(),
               Int most = std::numeric_limits<Int>::max()) {
    return get(name, [&](const At& at) {
      if constexpr (std::is_signed_v<Int>) {
        if (const auto value = read_signed(at, least, most)) out = static_cast<Int>(*value);
      } else {
        if (const auto value = read_unsigned(at, least, most)) out = static_cast<Int>(*value);
      }
    });
  }
  bool boolean(std::string_view name, bool& out) {
    return get(name, [&](const At& at) { store(read_boolean(at), out); });
  }
  bool duration(std::string_view name, Duration& out, Duration least, Duration most) {
    return get(name, [&](const At& at) { store(read_duration(at, least, most), out); });
  }
  bool bytes(std::string_view name, Bytes& out, Bytes least) {
    return get(name, [&](const At& at) { store(read_bytes(at, least), out); });
  }
  bool cpu(std::string_view name, MilliCpu& out, MilliCpu least) {
    return get(name, [&](const At& at) { store(read_cpu(at, least), out); });
  }

  // The forms of records: whole numbers whose unit ends the name, and RFC 3339.
  bool micros(std::string_view name, Duration& out) {
    return get(name, [&](const At& at) {
      if (const auto value = read_signed(at, 0, kMaxMicros)) out = Duration(*value);
    });
  }
  bool memory_bytes(std::string_view name, Bytes& out) { return integer<std::int64_t>(name, out.value, 0); }
  bool cpu_milli(std::string_view name, MilliCpu& out) { return integer<std::int64_t>(name, out.value, 0); }
  bool wall_time(std::string_view name, WallTime& out) {
    return get(name, [&](const At& at) { store(read_wall_time(at), out); });
  }

  // `parse` is text -> optional<Enum>; `wanted` lists the names for the fault.
  template <typename Enum, typename Parse>
  bool one_of(std::string_view name, Enum& out, Parse parse, std::string_view wanted) {
    return get(name, [&](const At& at) {
      const auto text = read_text(at);
      if (!text) return;
      if (const std::optional<Enum> value = parse(*text))
        out = *value;
      else
        at.want(wanted);
    });
  }

  template <typename Read>
  bool object(std::string_view name, std::string_view what, Read read) {
    return get(name, [&](const At& at) {
      Fields fields(at, what);
      read(fields);
    });
  }
  // Calls `read(At)` for each element.
  template <typename Read>
  bool list(std::string_view name, std::size_t most, Read read) {
    return get(name, [&](const At& at) { each_element(at, most, read); });
  }
  bool texts(std::string_view name, std::vector<std::string>& out, std::size_t most);
  bool text_map(std::string_view name, std::map<std::string, std::string>& out, std::size_t most, TextRule key_rule,
                TextRule value_rule);

  bool has(std::string_view name) const;
  // A fault where the field is absent. What is stored may be of a release that did not want it yet; `require_always` is
  // for what nothing can stand in for.
  void require(std::string_view name, std::string_view why);
  void require_always(std::string_view name, std::string_view why);
  void fault(std::string message) const { at_.fault(std::move(message)); }
  void fault(std::string_view name, std::string message);  // at the field `name`
  const At& at() const { return at_; }
  std::vector<std::string_view> known() const { return {known_.begin(), known_.begin() + known_count_}; }

  template <typename Read>
  static void each_element(const At& at, std::size_t most, Read read) {
    if (!is_list(at, most)) return;
    std::size_t index = 0;
    for (const TreeNode* item = at.node.child; item != nullptr; item = item->next) {
      const Path path{&at.path, {}, index++};
      read(At{at.decoding, *item, path});
    }
  }

 private:
  static constexpr std::size_t kMaxKnown = 24;
  static constexpr std::int64_t kMaxMicros = std::int64_t{1} << 53;

  template <typename T, typename U>
  static void store(std::optional<T> value, U& out) {
    if (value) out = std::move(*value);
  }
  static bool is_list(const At& at, std::size_t most);
  const TreeNode* find_key(std::string_view name) const;

  At at_;
  std::string_view what_;
  const TreeNode* first_ = nullptr;  // key of the first member
  const TreeNode* hint_ = nullptr;   // where the next name is likely to stand
  std::array<std::string_view, kMaxKnown> known_;
  std::size_t known_count_ = 0;
};

}  // namespace unik::codec
