#include "cli/manifests.hpp"

#include <algorithm>
#include <fstream>
#include <istream>
#include <iterator>
#include <system_error>

#include "cli/deployed_image.hpp"
#include "cli/packing.hpp"
#include "codec/json.hpp"

namespace unik::cli {
namespace {

constexpr std::size_t kMaxFiles = 10'000;

bool is_manifest(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return (extension == ".yaml" || extension == ".yml" || extension == ".json") && path.filename() != "unik.yaml";
}

Result<std::vector<std::string>> files_below(const std::filesystem::path& root) {
  std::vector<std::string> files;
  std::error_code problem;
  std::filesystem::recursive_directory_iterator entries(root, problem);
  for (; !problem && entries != std::filesystem::recursive_directory_iterator(); entries.increment(problem)) {
    const std::filesystem::path& path = entries->path();
    if (path.filename().string().starts_with('.')) {
      if (entries->is_directory(problem)) entries.disable_recursion_pending();
      continue;
    }
    if (!is_manifest(path) || !entries->is_regular_file(problem)) continue;
    files.push_back(path.string());
    if (files.size() > kMaxFiles)
      return invalid("too_many_files", "want at most " + std::to_string(kMaxFiles) + " manifests below " +
                                           root.string() + ", found more; name a smaller directory");
  }
  if (problem) return unavailable("read_failed", "cannot list " + root.string() + ": " + problem.message());
  std::sort(files.begin(), files.end());
  if (files.empty())
    return invalid("no_manifest", "want *.yaml, *.yml or *.json below " + root.string() + ", found none");
  return files;
}

std::string read_all(std::istream& in) {
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

// Whether an image has to be looked up: by a tag, in a registry, or in this host's store.
bool floats(const std::string& image) {
  const auto name = runtimes::parse_image_name(image);
  return name && (!name->digest || !name->registry.empty());
}

Error at_field(Error error, const codec::ParsedManifest& manifest, const std::string& field) {
  if (error.details.empty())
    error.details.push_back({manifest.where.file, manifest.where.line, manifest.where.column, field,
                             "of app/" + metadata_of(manifest.resource).name});
  return error;
}

}  // namespace

Result<std::vector<codec::ManifestText>> read_manifest_files(const Session& session,
                                                             const std::vector<std::string>& paths) {
  std::vector<codec::ManifestText> texts;
  for (const std::string& given : paths) {
    if (given == "-") {
      texts.push_back({"-", read_all(*session.terminal().in)});
      continue;
    }
    const std::filesystem::path path = session.environment().working_dir / given;
    std::error_code problem;
    std::vector<std::string> files{given};
    if (std::filesystem::is_directory(path, problem)) {
      auto found = files_below(given.front() == '/' ? std::filesystem::path(given) : path);
      if (!found) return found.error();
      files = std::move(found).value();
    }
    for (const std::string& file : files) {
      std::ifstream in(session.environment().working_dir / file, std::ios::binary);
      if (!in)
        return not_found("no_such_file",
                         "want a manifest, a directory of them or - for stdin, cannot read `" + file + "`");
      texts.push_back({file, read_all(in)});
    }
  }
  return texts;
}

Result<std::vector<codec::ParsedManifest>> read_manifests(const Session& session, const std::vector<std::string>& paths,
                                                          const std::string& tenant) {
  const auto texts = read_manifest_files(session, paths);
  if (!texts) return texts.error();
  return codec::parse_manifests(*texts, tenant);
}

Result<void> prepare_images(const Session& session, const Api& api, std::vector<codec::ParsedManifest>& manifests) {
  for (codec::ParsedManifest& manifest : manifests) {
    App* app = std::get_if<App>(&manifest.resource);
    if (app == nullptr) continue;
    if (app->spec.source.empty() && !floats(app->spec.boot.image)) continue;
    const auto store = open_store(session);
    if (!store) return store.error();
    if (app->spec.source.empty()) {
      const auto resolved = resolve_image(session, &api, *store, app->spec.boot.image, {});
      if (!resolved) return at_field(resolved.error(), manifest, "spec.image");
      if (resolved->image)
        if (auto sent = upload(session, api, *store, *resolved->image); !sent) return sent;
      set_image(*app, *resolved);
      continue;
    }
    PackRequest request;
    const std::filesystem::path file =
        manifest.where.file == "-" ? std::filesystem::path() : std::filesystem::path(manifest.where.file);
    request.path = (session.environment().working_dir / file.parent_path() / app->spec.source).lexically_normal();
    request.name = app->metadata.name;
    request.debug = app->spec.boot.debug;
    const auto packed = pack(session, *store, request);
    if (!packed) return at_field(packed.error(), manifest, "spec.source");
    if (auto sent = upload(session, api, *store, packed->image); !sent) return sent;
    app->spec.boot.image = to_string(packed->image.reference);
    app->spec.source.clear();
  }
  return {};
}

std::string request_body(const std::vector<codec::ParsedManifest>& manifests) {
  std::string body;
  for (const codec::ParsedManifest& manifest : manifests) {
    if (!body.empty()) body += "---\n";
    body += codec::to_json(manifest.resource) + "\n";
  }
  return body;
}

}  // namespace unik::cli
