#include "runtimes/lib/runtime/release_texts.hpp"

#include <algorithm>

namespace unik::runtimes {
namespace {

constexpr std::string_view kVersionField = "version:";

}  // namespace

Result<std::string> with_version(std::string_view manifest, const RuntimeVersion& version) {
  for (std::size_t begin = 0; begin < manifest.size();) {
    const std::size_t end = std::min(manifest.find('\n', begin), manifest.size());
    if (manifest.substr(begin, end - begin).starts_with(kVersionField))
      return std::string(manifest.substr(0, begin)) + std::string(kVersionField) + " " + to_string(version) +
             std::string(manifest.substr(end));
    begin = end + 1;
  }
  return invalid("bad_manifest", "manifest.yaml: want a line that begins with `version:`, found none");
}

std::string with_changes(std::string_view changelog, const std::string& name, const RuntimeVersion& version,
                         const std::string& date, const std::vector<std::string>& subjects) {
  std::string section = "## " + to_string(version) + " (" + date + ")\n\n";
  for (const std::string& subject : subjects) section += "- " + subject + "\n";
  if (subjects.empty()) section += "- Released again; nothing of its source has changed\n";
  if (changelog.empty()) return "# Changes of " + name + "\n\n" + section;
  const std::size_t first = changelog.find("\n## ");
  if (first == std::string_view::npos) return std::string(changelog) + "\n" + section;
  return std::string(changelog.substr(0, first + 1)) + section + "\n" + std::string(changelog.substr(first + 1));
}

}  // namespace unik::runtimes
