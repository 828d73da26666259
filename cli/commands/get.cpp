// get KIND [NAME…]: what is there, in any format.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"

namespace unik::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> run(const Session& session, const Options& options) {
  const auto objects = parse_objects(options.words);
  if (!objects) return objects.error();
  const auto api = session.connect();
  if (!api) return api.error();
  // Several of one kind are one list; of several kinds, one list each.
  for (std::size_t i = 0; i < objects->size();) {
    const ObjectKind kind = (*objects)[i].kind;
    const bool single = objects->size() == 1 && !(*objects)[i].name.empty();
    auto views = fetch_views(*api, (*objects)[i]);
    if (!views) return views.error();
    for (++i; i < objects->size() && (*objects)[i].kind == kind; ++i) {
      const auto more = fetch_views(*api, (*objects)[i]);
      if (!more) return more.error();
      std::visit(
          [&](auto& items) {
            const auto& others = std::get<std::remove_reference_t<decltype(items)>>(*more);
            items.insert(items.end(), others.begin(), others.end());
          },
          *views);
    }
    show(session, *views, kind, options.format, single, api->target().tenant);
  }
  return 0;
}

}  // namespace

void add_get(CommandTree& tree) {
  const auto options = std::make_shared<Options>();
  VerbFlags verb = tree.add(kDesiredState, "get", "Show objects: get KIND [NAME...] or KIND/NAME",
                            [options](const Session& session) { return run(session, *options); });
  verb.words("object", options->words, "KIND [NAME...]", "app, instance, node, tenant or operation, and names",
             Need::kRequired);
  verb.output(options->format);
}

}  // namespace unik::cli
