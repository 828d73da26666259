// Registries of runtimes, signatures, keys, tags and URLs come from strangers: whatever comes, it is read into a value
// that is written again alike, or refused with words.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"
#include "runtimes/lib/runtime/release_page.hpp"
#include "runtimes/lib/runtime/release_tag.hpp"
#include "runtimes/lib/runtime/runtime_platform.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace {

using namespace unik;
using namespace unik::runtimes;

void need(bool condition) {
  if (!condition) std::abort();
}

template <typename Value>
void need_words(const Result<Value>& result) {
  if (!result) need(!result.error().reason.empty() && !result.error().message.empty());
}

// One release more leaves every other as it was.
void read_registry(std::string_view text) {
  const auto registry = parse_runtime_registry(text, "r");
  need_words(registry);
  if (!registry) return;
  RuntimeRelease release;
  release.version = {9999, 9999, 9999};
  release.download_url = "x";
  release.size = 1;
  release.platforms = {"linux/amd64"};
  const auto more = add_release(text, "fuzzed-name", release, registry->updated_at);
  if (!more) return;
  auto again = parse_runtime_registry(*more, "r");
  need(again.ok());
  auto& releases = again->runtimes["fuzzed-name"];
  need(releases.erase(release.version) == 1);
  if (releases.empty()) again->runtimes.erase("fuzzed-name");
  need(*again == *registry);
}

void read_signatures(std::string_view text) {
  const auto signature = parse_signature(text);
  need_words(signature);
  if (signature) need(*parse_signature(print_signature(*signature)) == *signature);
  const auto open = parse_public_key(text);
  need_words(open);
  if (open) need(*parse_public_key(print_public_key(*open)) == *open);
  const auto secret = parse_secret_key(text);
  need_words(secret);
  if (secret) need(*parse_secret_key(print_secret_key(*secret)) == *secret);
}

void read_names(const std::string& text) {
  const std::vector<std::string> names{"lang", "python-3.11-ml"};
  const auto tag = parse_release_tag(text, names);
  need_words(tag);
  if (tag) need(to_string(*tag) == text);
  need_words(parse_runtime_platform(text));
  const auto file = registry_file_url(text);
  need_words(file);
  if (file) {
    const char* const schemes[] = {"https://", "http://", "file:///", "oci://"};
    need(std::any_of(std::begin(schemes), std::end(schemes), [&](const char* one) { return file->starts_with(one); }));
  }
  const auto package = package_url("https://example.org/a/registry.json", text);
  need_words(package);
  const bool beside = text.find("://") == std::string::npos;
  if (package) need(!package->starts_with("file:") && !(beside && package->find("/../") != std::string::npos));
  const auto in_space = package_url("oci://registry.example/team", text);
  need_words(in_space);
  if (in_space && beside) need(oci_package(*in_space).ok());
  if (const auto asset = parse_release_asset(text))
    need(parse_release_asset(
             release_asset_url("https://" + asset->repository + "/releases", asset->tag, asset->file)) == asset);
}

}  // namespace

// The first byte chooses the parser.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      read_registry(text);
      break;
    case 1:
      read_signatures(text);
      break;
    default:
      read_names(text);
  }
  return 0;
}
