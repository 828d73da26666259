// completion SHELL: prints the script. __names KIND... and __fields PREFIX: what it calls for the names of objects,
// images and contexts, and for the fields of manifests.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/commands/show.hpp"
#include "cli/local.hpp"
#include "cli/output/completion.hpp"
#include "cli/output/objects.hpp"
#include "cli/packing.hpp"
#include "codec/schema.hpp"

namespace unik::cli {
namespace {

struct CompletionOptions {
  std::string shell;
};

struct NamesOptions {
  std::vector<std::string> kinds;
  bool with_kind = false;  // `app/web` of all kinds
};

Result<int> print_image_names(const Session& session) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto images = store->images();
  if (!images) return images.error();
  for (const runtimes::NamedImage& image : *images) session.out(image.name + "\n");
  return 0;
}

Result<int> print_quarantined_names(const Session& session) {
  const auto api = session.find_api();
  if (!api) return api.error();
  const auto page = api->quarantine();
  if (!page) return page.error();
  for (const QuarantinedView& one : page->items) session.out(one.name + "\n");
  return 0;
}

// What is here: no registry is asked.
Result<int> print_runtime_names(const Session& session) {
  const auto rows = runtime_rows(session);
  if (!rows) return rows.error();
  for (const RuntimeRow& row : *rows) session.out(row.name + "@" + row.version + "\n");
  return 0;
}

Result<int> print_runtime_sources(const Session& session) {
  for (const std::string& name : runtime_names(session)) session.out(name + "\n");
  return 0;
}

Result<int> print_context_names(const Session& session) {
  const auto config = read_config(session.environment());
  if (!config) return config.error();
  for (const auto& [name, context] : config->contexts) session.out(name + "\n");
  return 0;
}

// Never starts a control plane: a press of the tab key shall not.
Result<int> print_names(const Session& session, const NamesOptions& options) {
  if (options.kinds == std::vector<std::string>{"image"}) return print_image_names(session);
  if (options.kinds == std::vector<std::string>{"quarantine"}) return print_quarantined_names(session);
  if (options.kinds == std::vector<std::string>{"runtime"}) return print_runtime_names(session);
  if (options.kinds == std::vector<std::string>{"runtime-source"}) return print_runtime_sources(session);
  if (options.kinds == std::vector<std::string>{"context"}) return print_context_names(session);
  const auto api = session.find_api();
  if (!api) return api.error();
  std::vector<ObjectKind> kinds;
  for (const std::string& word : options.kinds) {
    const auto kind = parse_object_kind(word);
    if (!kind) return kind.error();
    kinds.push_back(*kind);
  }
  if (options.with_kind) kinds = all_object_kinds();
  for (const ObjectKind kind : kinds) {
    const auto views = fetch_views(*api, {kind, ""});
    if (!views) return views.error();
    const ObjectStyle style{OutputFormat::kName, false, {}, false};
    std::string names = render_objects({*views}, style);
    while (!names.empty()) {
      const std::size_t end = names.find('\n');
      const std::string name = names.substr(0, end);
      session.out((options.with_kind ? name : name.substr(name.find('/') + 1)) + "\n");
      names.erase(0, end + 1);
    }
  }
  return 0;
}

}  // namespace

void add_completion(CommandTree& tree) {
  const auto options = std::make_shared<CompletionOptions>();
  VerbFlags verb = tree.add(kAround, "completion", "Print a completion script: source <(unikctl completion bash)",
                            [options, &tree](const Session& session) -> Result<int> {
                              const auto script = completion_script(options->shell, tree.root());
                              if (!script) return script.error();
                              session.out(*script);
                              return 0;
                            });
  verb.word("shell", options->shell, "bash|zsh|fish", "The shell", Need::kRequired);

  const auto names = std::make_shared<NamesOptions>();
  VerbFlags hidden =
      tree.add_hidden("__names", [names](const Session& session) { return print_names(session, *names); });
  hidden.words("kind", names->kinds, "KIND", "", Need::kOptional);
  hidden.flag("--with-kind", names->with_kind, "");

  const auto prefix = std::make_shared<std::string>();
  VerbFlags fields = tree.add_hidden("__fields", [prefix](const Session& session) -> Result<int> {
    for (const std::string& candidate : codec::completions(*prefix)) session.out(candidate + "\n");
    return 0;
  });
  fields.word("prefix", *prefix, "PREFIX", "", Need::kOptional);
}

}  // namespace unik::cli
