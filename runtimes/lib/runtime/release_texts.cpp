#include "runtimes/lib/runtime/release_texts.hpp"

#include <algorithm>

namespace unik::runtimes {
namespace {

constexpr std::string_view kVersionField = "version:";
constexpr std::string_view kOneReleased = "Release ";
constexpr std::string_view kAllReleased = "Release all runtimes at ";

// Where the version stands in a line `version: …`: within its quotes, before its comment.
std::string_view version_in_line(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t", kVersionField.size());
  if (begin == std::string_view::npos) return line.substr(line.size());
  const bool quoted = line[begin] == '"' || line[begin] == '\'';
  const std::string_view value = line.substr(begin + (quoted ? 1 : 0));
  return value.substr(0, value.find_first_of(quoted ? line.substr(begin, 1) : " \t\r#"));
}

}  // namespace

Result<std::string> with_version(std::string_view manifest, const RuntimeVersion& version) {
  for (std::size_t begin = 0; begin < manifest.size();) {
    const std::size_t end = std::min(manifest.find('\n', begin), manifest.size());
    if (const std::string_view line = manifest.substr(begin, end - begin); line.starts_with(kVersionField)) {
      const std::string_view old = version_in_line(line);
      const auto at = static_cast<std::size_t>(old.data() - manifest.data());
      const std::string_view gap = at == begin + kVersionField.size() ? " " : "";
      return std::string(manifest.substr(0, at)).append(gap) + to_string(version) +
             std::string(manifest.substr(at + old.size()));
    }
    begin = end + 1;
  }
  return invalid("bad_manifest", "manifest.yaml: want a line that begins with `version:`, found none");
}

std::string changes_section(const RuntimeVersion& version, const std::string& date,
                            const std::vector<std::string>& subjects) {
  std::string section = "## " + to_string(version) + " (" + date + ")\n\n";
  for (const std::string& subject : subjects) section += "- " + subject + "\n";
  if (subjects.empty()) section += "- Released again; nothing of its source has changed\n";
  return section;
}

std::string with_changes(std::string_view changelog, const std::string& name, const std::string& section) {
  if (changelog.empty()) return "# Changes of " + name + "\n\n" + section;
  const std::size_t first = changelog.find("\n## ");
  if (first == std::string_view::npos) return std::string(changelog) + "\n" + section;
  return std::string(changelog.substr(0, first + 1)) + section + "\n" + std::string(changelog.substr(first + 1));
}

std::string release_message(const ReleaseTag& tag) {
  return tag.runtime.empty() ? std::string(kAllReleased) + to_string(tag.version)
                             : std::string(kOneReleased) + to_string(tag);
}

bool is_release_message(std::string_view subject) {
  if (subject.starts_with(kAllReleased)) return parse_runtime_version(subject.substr(kAllReleased.size())).ok();
  const std::size_t at = subject.find('@');
  return subject.starts_with(kOneReleased) && at != std::string_view::npos &&
         is_runtime_name(subject.substr(kOneReleased.size(), at - kOneReleased.size())) &&
         parse_runtime_version(subject.substr(at + 1)).ok();
}

}  // namespace unik::runtimes
