#include "cli/manifest_files.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <istream>
#include <system_error>

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadChunk = std::size_t{64} << 10;

bool is_manifest(const fs::path& path) {
  const std::string extension = path.extension().string();
  return (extension == ".yaml" || extension == ".yml" || extension == ".json") && !is_unik_yaml(path.string());
}

Error no_such_file(const std::string& file) {
  return not_found("no_such_file", "want a manifest, a directory of them or - for stdin, cannot read `" + file + "`");
}

Result<std::vector<std::string>> files_below(const fs::path& root) {
  std::vector<std::string> files;
  std::error_code problem;
  fs::recursive_directory_iterator entries(root, problem);
  for (; !problem && entries != fs::recursive_directory_iterator(); entries.increment(problem)) {
    const fs::path& path = entries->path();
    std::error_code ignored;
    if (path.filename().string().starts_with('.')) {
      if (entries->is_directory(ignored)) entries.disable_recursion_pending();
      continue;
    }
    // A link to nothing counts: it is an error when it is opened, where to skip it would apply less than was meant.
    const fs::file_type type = entries->status(ignored).type();
    if (!is_manifest(path) || (type != fs::file_type::regular && type != fs::file_type::not_found)) continue;
    files.push_back(path.string());
    if (files.size() > kMaxManifestFiles)
      return invalid("too_many_files", "want at most " + std::to_string(kMaxManifestFiles) + " manifests below " +
                                           root.string() + ", found more; name a smaller directory");
  }
  if (problem) return unavailable("read_failed", "cannot list " + root.string() + ": " + problem.message());
  std::sort(files.begin(), files.end());
  return files;
}

class Reading {
 public:
  explicit Reading(const Session& session) : session_(session) {}

  Result<void> take(const std::string& given) {
    if (given.empty())
      return invalid("bad_usage", "--file: want a manifest, a directory of them or - for stdin, got an empty path");
    if (given == "-") return take(given, *session_.terminal().in);
    std::error_code ignored;
    if (fs::is_directory(session_.environment().working_dir / given, ignored)) return take_directory(given);
    return take_file(given);
  }

  std::vector<codec::ManifestText>& texts() { return texts_; }

 private:
  Result<void> take_directory(const std::string& given) {
    const fs::path root = session_.environment().working_dir / given;
    const auto files = files_below(root);
    if (!files) return files.error();
    const std::size_t before = texts_.size();
    for (const std::string& file : *files) {
      if (auto taken = take_file(file); !taken) return taken;
      // A project's package.json and its like lie beside manifests, and were not named by anybody.
      if (file.ends_with(".json") && texts_.back().text.find("\"apiVersion\"") == std::string::npos) forget_last();
    }
    if (texts_.size() == before)
      return invalid("no_manifest", "want *.yaml, *.yml or *.json below " + root.string() + ", found none");
    return {};
  }

  Result<void> take_file(const std::string& file) {
    std::ifstream in(session_.environment().working_dir / file, std::ios::binary);
    if (!in) return no_such_file(file);
    return take(file, in);
  }

  Result<void> take(const std::string& name, std::istream& in) {
    std::string text;
    while (in && bytes_ + text.size() <= codec::kMaxInputBytes) {
      in.read(chunk_.data(), static_cast<std::streamsize>(chunk_.size()));
      text.append(chunk_.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad()) return no_such_file(name);
    bytes_ += text.size();
    if (bytes_ > codec::kMaxInputBytes)
      return invalid("manifest_too_large", "want manifests of at most " + std::to_string(codec::kMaxInputBytes) +
                                               " bytes together, `" + name + "` goes beyond: apply them in parts");
    texts_.push_back({name, std::move(text)});
    return {};
  }

  void forget_last() {
    bytes_ -= texts_.back().text.size();
    texts_.pop_back();
  }

  const Session& session_;
  std::string chunk_ = std::string(kReadChunk, '\0');  // of all inputs in turn: most are much smaller
  std::vector<codec::ManifestText> texts_;
  std::size_t bytes_ = 0;
};

}  // namespace

bool is_unik_yaml(const std::string& file) {
  return fs::path(file).filename() == "unik.yaml";
}

Result<std::vector<codec::ManifestText>> read_manifest_files(const Session& session,
                                                             const std::vector<std::string>& paths) {
  Reading reading(session);
  for (const std::string& given : paths)
    if (auto taken = reading.take(given); !taken) return taken.error();
  return std::move(reading.texts());
}

}  // namespace unik::cli
