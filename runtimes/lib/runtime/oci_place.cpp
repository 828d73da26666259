#include "runtimes/lib/runtime/oci_place.hpp"

#include <algorithm>

#include "runtimes/lib/runtime/runtime_registry.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kOciScheme = "oci://";

std::string_view without_slashes(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

bool is_separator(std::string_view text) {
  return text == "." || text == "_" || text == "__" || text == "/" ||
         (!text.empty() && text.find_first_not_of('-') == std::string_view::npos);
}

bool is_oci_repository(std::string_view name) {
  constexpr std::string_view kWord = "abcdefghijklmnopqrstuvwxyz0123456789";
  while (true) {
    const std::size_t end = name.find_first_not_of(kWord);
    if (end == 0 || name.empty()) return false;
    if (end == std::string_view::npos) return true;
    const std::size_t next = std::min(name.find_first_of(kWord, end), name.size());
    if (!is_separator(name.substr(end, next - end))) return false;
    name.remove_prefix(next);
  }
}

}  // namespace

bool is_oci_url(std::string_view url) {
  return url.starts_with(kOciScheme);
}

Result<ImageName> oci_registry_file(std::string_view url) {
  const auto bad = [&](const std::string& why) {
    return invalid("bad_registry_url", "registry `" + std::string(url) + "`: want oci://HOST[:PORT]/NAMESPACE; " + why);
  };
  auto name = parse_image_name(without_slashes(url.substr(std::min(kOciScheme.size(), url.size()))));
  if (!name) return bad(name.error().message);
  if (name->registry.empty()) return bad("got no host, or no namespace");
  if (!name->tag.empty() || name->digest) return bad("got one of its images");
  name->tag = kRegistryFile;
  return name;
}

Result<ImageName> oci_package(std::string_view url) {
  const auto bad = [&](const std::string& why) {
    return invalid("bad_download_url",
                   "download_url `" + std::string(url) + "`: want oci://HOST[:PORT]/NAMESPACE/NAME:VERSION; " + why);
  };
  auto name = parse_image_name(url.substr(std::min(kOciScheme.size(), url.size())));
  if (!name) return bad(name.error().message);
  if (name->registry.empty()) return bad("got no host");
  if (name->tag.empty() || name->digest) return bad("got another form of image");
  if (!is_oci_repository(name->repository))
    return bad("an OCI registry takes no name such as `" + name->repository +
               "`: letters or digits stand on both sides of each `.`, `_`, `__` and row of `-`");
  return name;
}

std::string oci_package_url(std::string_view space, const std::string& name, const std::string& version) {
  return std::string(without_slashes(space)) + "/" + name + ":" + version;
}

}  // namespace unik::runtimes
