// Layers and archives come from strangers: whatever comes, the reader answers with a tree that keeps its own promises
// or with an error, within its limits, and nothing in it names a place outside the root.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "runtimes/lib/oci/image.hpp"
#include "runtimes/lib/oci/image_index.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/registry/challenge.hpp"
#include "runtimes/lib/registry/credentials.hpp"

namespace {

using namespace unik;
using namespace unik::runtimes;

constexpr LayerLimits kLimits{1000, mebibytes(1)};

void need(bool condition) {
  if (!condition) std::abort();
}

void check_tree(const FileTree& tree) {
  std::int64_t total = 0;
  for (const auto& [path, node] : tree) {
    const auto clean = tree_path(path);
    need(clean.ok() && *clean == path && !path.empty());
    const std::size_t slash = path.rfind('/');
    if (slash != std::string::npos) {
      const auto parent = tree.find(path.substr(0, slash));
      need(parent != tree.end() && parent->second.type == NodeType::kDirectory);
    }
    const std::string end = resolve_in_tree(tree, path);
    need(end.empty() || tree.contains(end));
    if (node.type == NodeType::kFile) {
      const auto* text = std::get_if<std::string>(&node.content);
      need(text != nullptr && static_cast<std::int64_t>(text->size()) == node.size);
      total += node.size;
    }
  }
  // Hard links become files of their own: at most one copy for each entry.
  need(total <= kLimits.total.value * static_cast<std::int64_t>(kLimits.entries));
}

// Twice over the same tree, as a second layer meets a first.
void read_layers(std::string_view bytes) {
  FileTree tree;
  const ContentSink sink = [](std::int64_t size, const ContentReader& read) -> Result<Content> {
    std::string content(static_cast<std::size_t>(size), '\0');
    for (std::size_t done = 0; done < content.size();) {
      auto got = read(std::span(content).subspan(done));
      if (!got) return std::move(got).error();
      if (*got == 0) return invalid("bad_layer", "short");
      done += *got;
    }
    return Content(std::move(content));
  };
  LayerTotals totals;
  for (int round = 0; round < 2; ++round) {
    std::size_t at = 0;
    const ByteSource source = [&](std::span<char> into) -> Result<std::size_t> {
      const std::size_t got = std::min(into.size(), bytes.size() - at);
      std::copy_n(bytes.data() + at, got, into.data());
      at += got;
      return got;
    };
    const auto applied = apply_layer(tree, source, sink, totals, kLimits);
    if (!applied) need(!applied.error().reason.empty() && !applied.error().message.empty());
    check_tree(tree);
  }
}

}  // namespace

// The first byte chooses the parser.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      read_layers(text);
      break;
    case 1: {
      const auto manifest = parse_manifest(text);
      if (manifest) need(*parse_manifest(print_manifest(*manifest)) == *manifest);
      const auto config = parse_image_config(text);
      if (config) need(*parse_image_config(print_image_config(*config)) == *config);
      break;
    }
    case 2:
      (void)is_image_index(text);
      (void)choose_image(text, {});
      (void)parse_index(text);
      break;
    default:
      (void)parse_challenges(text);
      (void)parse_token(text);
      (void)find_credentials(text, "reg.example");
      break;
  }
  return 0;
}
