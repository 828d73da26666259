#include "codec/unik_yaml.hpp"

#include <algorithm>
#include <array>

#include "api/runtime_name.hpp"
#include "codec/documents.hpp"
#include "codec/resource_fields.hpp"
#include "codec/resource_text.hpp"
#include "codec/yaml_writer.hpp"

namespace unik::codec {
namespace {

constexpr int kNewestVersion = 1;

std::string_view not_empty(std::string_view text) {
  return text.empty() ? "text that is not empty" : std::string_view();
}

std::string_view language_name(std::string_view text) {
  const bool fine =
      !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+#.-") == std::string_view::npos;
  return fine ? std::string_view() : "a language in lower case such as python, nodejs or go";
}

std::string_view runtime_wanted(std::string_view text) {
  return parse_runtime_name(text) ? std::string_view() : "a runtime such as python or python@1.2.0";
}

// What is packed must lie inside the source: an absolute path or one through `..` would take in files of the host.
std::string_view source_path(std::string_view text) {
  constexpr std::string_view wanted = "a path inside the source, without `..`";
  if (text.empty() || text.front() == '/') return wanted;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    if (text.substr(begin, end - begin) == "..") return wanted;
    begin = end + 1;
  }
  return {};
}

// One text is split at blanks; no shell runs in the guest, so whatever needs one must be a list.
void read_command(const At& at, std::vector<std::string>& out) {
  if (at.node.kind == NodeKind::kMapping) return at.want("a list of words, or one text");
  if (at.node.kind == NodeKind::kSequence) {
    Fields::each_element(at, kMaxArgs, [&](const At& item) {
      if (const auto text = read_text(item)) out.emplace_back(*text);
    });
  } else if (const auto text = read_text(at, not_empty)) {
    if (text->find_first_of("'\"\\$`|&;<>*?(){}\n") != std::string_view::npos)
      return at.fault(
          "want words alone, since no shell reads this line in the guest: write a list, [\"program\", \"argument\"]");
    for (std::size_t begin = 0; begin < text->size();) {
      const std::size_t end = std::min(text->find_first_of(" \t", begin), text->size());
      if (end > begin) out.emplace_back(text->substr(begin, end - begin));
      begin = end + 1;
    }
  }
  if (at.decoding.faults.empty() && out.empty()) at.fault("want a program and its arguments, got none");
}

void read_unik_yaml(const At& at, UnikYaml& out) {
  Fields in(at, "unik.yaml");
  in.integer<int>("version", out.version, 1, kNewestVersion);
  in.text("language", out.language, language_name);
  in.text("runtime", out.runtime, runtime_wanted);
  in.object("build", "unik.yaml build", [&](Fields& build) { build.text("command", out.build_command, not_empty); });
  in.object("artifact", "unik.yaml artifact",
            [&](Fields& artifact) { artifact.text("path", out.artifact_path, source_path); });
  in.object("run", "unik.yaml run", [&](Fields& run) {
    run.get("command", [&](const At& command) { read_command(command, out.run_command); });
  });
  in.object("deploy", "unik.yaml deploy",
            [&](Fields& deploy) { read_app_fields(deploy, out.deploy, PortList::kOpen); });
}

}  // namespace

Result<UnikYaml> parse_unik_yaml(const ManifestText& text) {
  UnikYaml value;
  std::vector<Chunk> chunks;
  split_documents(text.text, 0, chunks);
  std::vector<Fault> faults;
  bool read = false;
  for (const Chunk& chunk : chunks) {
    const std::string_view document = std::string_view(text.text).substr(chunk.begin, chunk.size);
    Tree tree;
    Decoding decoding{kManifestReading, {}};
    if (const TreeNode* const root = load_document(document, tree, decoding)) {
      if (read)
        decoding.faults.push_back({root->offset, "", "want one document, got another one"});
      else
        read_unik_yaml(At{decoding, *root, Path{}}, value);
      read = true;
    }
    for (Fault& fault : faults_of(decoding, document, text.name, chunk.line)) faults.push_back(std::move(fault));
    if (faults.size() > kMaxFaults) break;
  }
  if (!faults.empty()) return bad_manifest(std::move(faults));
  return value;
}

std::string to_yaml(const UnikYaml& value) {
  YamlWriter out;
  out.begin_object().field("version", value.version);
  if (!value.language.empty()) out.field("language", value.language);
  if (!value.runtime.empty()) out.field("runtime", value.runtime);
  if (!value.build_command.empty()) out.key("build").begin_object().field("command", value.build_command).end_object();
  if (!value.artifact_path.empty()) out.key("artifact").begin_object().field("path", value.artifact_path).end_object();
  if (!value.run_command.empty()) {
    out.key("run").begin_object().key("command").begin_array();
    for (const std::string& word : value.run_command) out.text(word);
    out.end_array().end_object();
  }
  if (value.deploy != AppSpec{}) {
    out.key("deploy").begin_object();
    write_app_fields(out, value.deploy, Extent::kChosen);
    out.end_object();
  }
  out.end_object();
  return out.take();
}

}  // namespace unik::codec
