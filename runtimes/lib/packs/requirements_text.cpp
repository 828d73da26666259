#include "runtimes/lib/packs/requirements_text.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>
#include <set>
#include <vector>

#include "runtimes/lib/pack/name_list.hpp"
#include "runtimes/lib/packs/text_lines.hpp"

namespace unik::runtimes {
namespace {

constexpr std::size_t kMaxIncluded = 100;  // files
constexpr std::string_view kWithValue[] = {"-i",           "--index-url",    "--extra-index-url", "-f",
                                           "--find-links", "--trusted-host", "--only-binary"};
constexpr std::string_view kWithoutValue[] = {"--no-index", "--require-hashes", "--prefer-binary", "--pre"};
constexpr std::string_view kIncluding[] = {"-r", "--requirement", "-c", "--constraint"};
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // of UTF-8, before the text
constexpr std::string_view kPlainEncodings[] = {"utf-8", "utf8", "utf_8", "ascii", "us-ascii"};
constexpr std::string_view kArchives[] = {".zip", ".whl", ".tgz", ".tbz", ".txz", ".tlz"};  // and .tar, .tar.gz …

// Whatever ends a line for Python does so here, lest a line hide in another.
std::string with_plain_line_ends(std::string_view text) {
  constexpr std::string_view kPlain = "\r\v\f\x1c\x1d\x1e";
  constexpr std::string_view kLong[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    const auto end = std::ranges::find_if(kLong, [&](std::string_view bytes) { return text.starts_with(bytes); });
    const bool ends = end != std::end(kLong);
    plain += ends || kPlain.find(text.front()) != std::string_view::npos ? '\n' : text.front();
    text.remove_prefix(ends ? end->size() : 1);
  }
  return plain;
}

// From its beginning, or behind a blank.
std::size_t comment_in(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1))
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return at;
  return line.size();
}

// Python has blanks beyond ASCII, which pip takes off a line: what begins with one may be an option all the same.
bool is_ascii(std::string_view line) {
  return std::ranges::all_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string with_foreign_bytes_escaped(std::string_view line) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string escaped;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      escaped += c;
    else
      escaped.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 0xf]);
  }
  return escaped;
}

// Without comments, and continued lines as one; a comment ends what was continued.
std::vector<std::string> logical_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::string whole;
  const auto end_line = [&] {
    const std::string_view line = without_blanks(std::string_view(whole).substr(0, comment_in(whole)));
    if (!line.empty()) lines.emplace_back(line);
    whole.clear();
  };
  const std::string plain = with_plain_line_ends(text);
  const std::size_t begin = plain.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  for (std::string_view line : lines_of(std::string_view(plain).substr(begin))) {
    const bool is_comment = without_blanks(line).starts_with('#');
    const bool goes_on = line.ends_with('\\') && !is_comment;
    if (goes_on) line.remove_suffix(1);
    whole += (is_comment ? " " : "") + std::string(line);
    if (!goes_on) end_line();
  }
  end_line();
  return lines;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!(line = without_blanks(line)).empty()) {
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

struct PipOption {
  std::string name;
  std::optional<std::string> value;
};

// `--name=VALUE`, `-nVALUE`, or the value as the next word, which is taken too.
PipOption take_option(const std::vector<std::string>& words, std::size_t& at) {
  constexpr std::size_t kShort = 2;
  const std::string& word = words[at++];
  PipOption option{word, std::nullopt};
  const std::size_t equals = word.find('=');
  if (word.starts_with("--") && equals != std::string::npos) {
    option = {word.substr(0, equals), word.substr(equals + 1)};
  } else if (!word.starts_with("--") && word.size() > kShort) {
    option = {word.substr(0, kShort), word.substr(kShort)};
  }
  const bool takes_one =
      is_one_of(kWithValue, option.name) || is_one_of(kIncluding, option.name) || option.name == "--hash";
  if (takes_one && !option.value && at < words.size()) option.value = words[at++];
  return option;
}

bool is_harmless(const PipOption& option) {
  if (is_one_of(kWithoutValue, option.name)) return !option.value;
  if (!is_one_of(kWithValue, option.name)) return false;
  return option.name != "--only-binary" || option.value.value_or("").find(":none:") == std::string::npos;
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// The comment by which pip reads the text otherwise than it is read here: in UTF-7, `+AC0-` is a hyphen.
std::string_view foreign_encoding(std::string_view text) {
  constexpr std::string_view kCoding = "coding", kNameLetters = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
  constexpr int kLines = 2;  // that pip looks for it in
  for (int line = 0; line < kLines; ++line) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    if (!whole.starts_with('#')) continue;
    const std::string lower = in_lower_case(whole);
    for (std::size_t at = 0; (at = lower.find(kCoding, at)) != std::string::npos;) {
      at += kCoding.size();
      if (at == lower.size() || (lower[at] != ':' && lower[at] != '=')) continue;
      const std::size_t begin = std::min(lower.find_first_not_of(" \t\r\v\f", at + 1), lower.size());
      const std::string_view rest = std::string_view(lower).substr(begin);
      const std::string_view name = rest.substr(0, rest.find_first_not_of(kNameLetters));
      if (!name.empty() && !is_one_of(kPlainEncodings, name)) return whole;
    }
  }
  return "";
}

// By its name as pip reads it: without the extras of `x.zip[extra]`, in any case.
bool is_archive(std::string_view requirement) {
  if (requirement.ends_with(']')) requirement = without_blanks(requirement.substr(0, requirement.rfind('[')));
  const std::string name = in_lower_case(requirement);
  return name.find(".tar") != std::string::npos ||
         std::ranges::any_of(kArchives, [&](std::string_view ending) { return name.ends_with(ending); });
}

// What a requirement names by itself and no index: a path, a URL, a Git repository.
std::string_view direct_reference(std::string_view requirement) {
  const bool direct = requirement.find_first_of("/@:") != std::string_view::npos || requirement.starts_with('.') ||
                      is_archive(requirement);
  if (!direct) return "";
  const std::size_t at = requirement.find('@');
  const bool named =
      at != std::string_view::npos && requirement.substr(0, at).find_first_of("/:") == std::string_view::npos;
  return without_blanks(named ? requirement.substr(at + 1) : requirement);
}

class RequirementsCheck {
 public:
  RequirementsCheck(const PackContext& context, std::string file) : context_(context), open_{std::move(file)} {}

  Result<void> run() {
    std::set<std::string> seen;
    while (!open_.empty()) {
      file_ = std::move(open_.back());
      open_.pop_back();
      if (!seen.insert(file_).second) continue;
      if (seen.size() > kMaxIncluded)
        return in_source(context_, file_, "bad_project",
                         "want at most " + std::to_string(kMaxIncluded) + " files that include each other, found more");
      const auto text = context_.source.text(file_);
      if (!text && text.error().code == ErrorCode::kNotFound) continue;
      if (!text) return text.error();
      if (const std::string_view comment = foreign_encoding(*text); !comment.empty())
        return refused(with_foreign_bytes_escaped(comment), "an encoding other than UTF-8");
      for (const std::string& line : logical_lines(*text))
        if (auto checked = check_line(line); !checked) return checked;
    }
    return {};
  }

 private:
  Error refused(const std::string& line, const std::string& found) const {
    return in_source(
        context_, file_, "not_a_wheel",
        "`" + line + "`: want packages of an index as wheels, so that nothing runs during the install, found " + found +
            "; take it out, and for a package without a wheel build one and serve it from an index");
  }

  Result<void> check_line(const std::string& line) {
    if (!is_ascii(line))
      return refused(with_foreign_bytes_escaped(line),
                     "a character beyond ASCII, which pip may take for a blank: only comments may have some");
    return line.starts_with('-') ? check_options(line) : check_requirement(line);
  }

  Result<void> check_options(const std::string& line) {
    const std::vector<std::string> words = words_of(line);
    for (std::size_t at = 0; at < words.size();) {
      const PipOption option = take_option(words, at);
      if (is_harmless(option)) continue;
      const std::string value = option.value.value_or(":");
      if (!is_one_of(kIncluding, option.name) || value.find(':') != std::string::npos)
        return refused(line, "`" + option.name + "`");
      if (auto stays = check_path_stays(context_, file_, "`" + line + "`", value); !stays) return stays;
      open_.push_back((std::filesystem::path(file_).parent_path() / value).lexically_normal().string());
    }
    return {};
  }

  Result<void> check_requirement(const std::string& line) {
    const std::vector<std::string> words = words_of(line);
    std::string requirement;
    for (std::size_t at = 0; at < words.size();) {
      if (!words[at].starts_with('-')) {
        requirement += words[at++] + " ";
        continue;
      }
      if (const PipOption option = take_option(words, at); option.name != "--hash")
        return refused(line, "`" + option.name + "`");
    }
    return check_reference(line, without_blanks(std::string_view(requirement).substr(0, requirement.find(';'))));
  }

  Result<void> check_reference(const std::string& line, std::string_view requirement) {
    const std::string_view reference = direct_reference(requirement);
    if (reference.empty()) return {};
    if (!reference.substr(0, reference.find_first_of("#?")).ends_with(".whl"))
      return refused(line, "what is no wheel by its name");
    constexpr std::string_view kFile = "file:";
    const bool is_file = reference.starts_with(kFile);
    if (!is_file && reference.find("://") != std::string_view::npos) return {};
    std::string_view path = is_file ? reference.substr(kFile.size()) : reference;
    if (path.starts_with("//")) path.remove_prefix(2);
    return check_path_stays(context_, file_, "`" + line + "`", path);
  }

  const PackContext& context_;
  std::vector<std::string> open_;
  std::string file_;
};

}  // namespace

bool is_hashed(const std::string& requirements, std::string* first_without) {
  for (const std::string& line : logical_lines(requirements)) {
    const bool option = line.starts_with("-") && !line.starts_with("-r") && !line.starts_with("--requirement") &&
                        !line.starts_with("-e") && !line.starts_with("--editable");
    if (option || line.find("--hash=") != std::string::npos) continue;
    if (first_without != nullptr) *first_without = line;
    return false;
  }
  return true;
}

Result<void> check_requirements(const PackContext& context, const std::string& file) {
  return RequirementsCheck(context, file).run();
}

}  // namespace unik::runtimes
