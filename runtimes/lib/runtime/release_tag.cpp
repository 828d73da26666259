#include "runtimes/lib/runtime/release_tag.hpp"

#include <algorithm>
#include <vector>

#include "codec/nearest.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kForms = "want NAME@MAJOR.MINOR.PATCH for one runtime or vMAJOR.MINOR.PATCH for all";

Error bad_tag(std::string_view tag, const std::string& why) {
  return invalid("bad_release_tag", "tag `" + std::string(tag) + "`: " + std::string(kForms) + "; " + why);
}

Error unknown_runtime(std::string_view tag, const std::string& name, std::span<const std::string> runtimes) {
  std::string there;
  for (const std::string& runtime : runtimes) there += (there.empty() ? "" : ", ") + runtime;
  const std::vector<std::string_view> views(runtimes.begin(), runtimes.end());
  const auto near = codec::nearest(name, views);
  return not_found("no_such_runtime", "tag `" + std::string(tag) + "`: there is no runtime `" + name + "`" +
                                          (near ? "; did you mean `" + std::string(*near) + "`?" : "") + "; there is " +
                                          (there.empty() ? "none" : there));
}

// What follows `mark` when that is a version; empty otherwise.
std::string version_behind(std::string_view tag, std::size_t mark) {
  if (mark == std::string_view::npos || mark == 0) return "";
  const auto version = parse_runtime_version(tag.substr(mark + 1));
  return version ? to_string(*version) : "";
}

// A tag without `@`: for all runtimes, or nearly right.
Result<ReleaseTag> parse_bulk(std::string_view tag) {
  const std::string_view rest = tag.substr(tag.starts_with('v') || tag.starts_with('V') ? 1 : 0);
  const auto version = parse_runtime_version(rest);
  if (version && tag.starts_with('v')) return ReleaseTag{"", *version};
  if (version) return bad_tag(tag, "write `v" + to_string(*version) + "` to release all runtimes");
  for (const char mark : {'-', ':', '/', '=', '_'})
    if (const std::string found = version_behind(tag, tag.rfind(mark)); !found.empty())
      return bad_tag(tag, std::string("`") + mark + "` stands where `@` belongs: `" +
                              std::string(tag.substr(0, tag.rfind(mark))) + "@" + found + "`");
  const bool meant_for_all = tag.size() > 1 && tag.front() == 'v' && tag[1] >= '0' && tag[1] <= '9';
  if (meant_for_all) return bad_tag(tag, version.error().message);
  return bad_tag(tag, "there is no `@` in it, and it does not begin with `v` and a number");
}

}  // namespace

Result<ReleaseTag> parse_release_tag(std::string_view tag, std::span<const std::string> runtimes) {
  const std::size_t at = tag.find('@');
  if (at == std::string_view::npos) return parse_bulk(tag);
  const std::string name(tag.substr(0, at));
  const std::string_view rest = tag.substr(at + 1);
  if (!is_runtime_name(name)) {
    const auto parsed = parse_runtime_name(name);
    return bad_tag(tag, parsed ? "a tag has no namespace" : parsed.error().message);
  }
  if (rest == "latest") return bad_tag(tag, "a release says its version; `latest` is for those who install");
  const auto version = parse_runtime_version(rest);
  if (!version && rest.starts_with('v') && parse_runtime_version(rest.substr(1)))
    return bad_tag(tag, "write `" + name + "@" + std::string(rest.substr(1)) + "`, without the `v`");
  if (!version) return bad_tag(tag, version.error().message);
  if (std::find(runtimes.begin(), runtimes.end(), name) == runtimes.end()) return unknown_runtime(tag, name, runtimes);
  return ReleaseTag{name, *version};
}

std::string to_string(const ReleaseTag& tag) {
  return tag.runtime.empty() ? "v" + to_string(tag.version) : tag.runtime + "@" + to_string(tag.version);
}

}  // namespace unik::runtimes
