#include "codec/manifest.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "codec/documents.hpp"
#include "codec/resource_fields.hpp"

namespace unik::codec {
namespace {

constexpr std::size_t kWorthAThread = std::size_t{256}
                                      << 10;  // bytes below which a second thread costs more than it gives
constexpr std::size_t kChunksAtOnce = 32;     // taken by a thread at a time

struct Outcome {
  std::optional<ParsedManifest> manifest;
  std::vector<Fault> faults;
};

class Work {
 public:
  Work(std::span<const ManifestText> texts, std::string_view default_tenant, std::vector<Chunk> chunks)
      : texts_(texts), default_tenant_(default_tenant), chunks_(std::move(chunks)), outcomes_(chunks_.size()) {}

  // May run in several threads at once: each takes chunks nobody else has, and writes their outcomes alone.
  void run() {
    Tree tree;
    while (true) {
      const std::size_t first = next_.fetch_add(kChunksAtOnce);
      if (first >= chunks_.size()) return;
      const std::size_t end = std::min(first + kChunksAtOnce, chunks_.size());
      for (std::size_t i = first; i < end; ++i) parse(chunks_[i], tree, outcomes_[i]);
    }
  }

  std::vector<Outcome>& outcomes() { return outcomes_; }

 private:
  void parse(const Chunk& chunk, Tree& tree, Outcome& outcome) const {
    const ManifestText& source = texts_[chunk.text];
    const std::string_view text = std::string_view(source.text).substr(chunk.begin, chunk.size);
    Decoding decoding{kManifestReading, {}};
    if (const TreeNode* const root = load_document(text, tree, decoding)) {
      std::optional<Resource> read = read_resource(At{decoding, *root, Path{}}, default_tenant_);
      if (read && decoding.faults.empty()) {
        Fault where = fault_at({root->offset, "", ""}, text, source.name, chunk.line);
        outcome.manifest = ParsedManifest{std::move(*read), std::move(where)};
      }
    }
    outcome.faults = faults_of(decoding, text, source.name, chunk.line);
  }

  std::span<const ManifestText> texts_;
  std::string_view default_tenant_;
  std::vector<Chunk> chunks_;
  std::vector<Outcome> outcomes_;
  std::atomic<std::size_t> next_{0};
};

void run_on_both_cores(Work& work) {
  std::thread helper;
  try {
    helper = std::thread([&work] { work.run(); });
  } catch (const std::system_error&) {
    // Without a second thread the first does it all.
  }
  work.run();
  if (helper.joinable()) helper.join();
}

// The same object twice in one apply would leave it to chance which one holds.
class Twins {
 public:
  // `manifest` stays where it is.
  std::optional<Fault> refuse(const ParsedManifest& manifest) {
    const Metadata& metadata = metadata_of(manifest.resource);
    const std::string_view kind = names_of(kind_of(manifest.resource)).kind;
    const auto [first, added] = seen_.try_emplace({kind, metadata.tenant, metadata.name}, &manifest.where);
    if (added) return std::nullopt;
    Fault fault = manifest.where;
    fault.path = "metadata.name";
    fault.message = std::string(kind) + " `" + metadata.name + "` stands here a second time, the first is at " +
                    to_string(*first->second) + ": remove or rename one";
    return fault;
  }

 private:
  std::map<std::array<std::string_view, 3>, const Fault*> seen_;
};

}  // namespace

Result<std::vector<ParsedManifest>> parse_manifests(std::span<const ManifestText> texts,
                                                    std::string_view default_tenant) {
  std::size_t bytes = 0;
  for (const ManifestText& text : texts) bytes += text.text.size();
  if (bytes > kMaxInputBytes)
    return invalid("manifest_too_large", "want manifests of at most " + std::to_string(kMaxInputBytes) +
                                             " bytes together, got " + std::to_string(bytes) + ": apply them in parts");
  std::vector<Chunk> chunks;
  for (std::size_t i = 0; i < texts.size(); ++i) split_documents(texts[i].text, i, chunks);
  if (chunks.size() > kMaxDocuments)
    return invalid("manifest_too_large", "want at most " + std::to_string(kMaxDocuments) +
                                             " documents together, got more: apply them in parts");
  Work work(texts, default_tenant, std::move(chunks));
  if (bytes < kWorthAThread)
    work.run();
  else
    run_on_both_cores(work);

  std::vector<ParsedManifest> manifests;
  std::vector<Fault> faults;
  manifests.reserve(work.outcomes().size());  // Twins keeps views of them
  Twins twins;
  for (Outcome& outcome : work.outcomes()) {
    std::move(outcome.faults.begin(), outcome.faults.end(), std::back_inserter(faults));
    if (!outcome.manifest) continue;
    manifests.push_back(std::move(*outcome.manifest));
    if (auto twin = twins.refuse(manifests.back())) faults.push_back(std::move(*twin));
  }
  if (!faults.empty()) return bad_manifest(std::move(faults));
  if (manifests.empty()) {
    std::string names;
    for (const ManifestText& text : texts) names += (names.empty() ? "" : ", ") + text.name;
    return invalid("no_manifest",
                   "want at least one document with apiVersion, kind, metadata and spec, got nothing in " +
                       (names.empty() ? "no files" : names));
  }
  return manifests;
}

}  // namespace unik::codec
