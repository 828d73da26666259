// get KIND [NAME…]: what is there, in any format.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/moments.hpp"

namespace unik::cli {
namespace {

struct GetOptions {
  std::vector<std::string> words;
  std::string at;
  OutputFormat format = OutputFormat::kTable;
};

// A journal sequence is sent as it is; a time as the moment that it means now, for all pages of a list.
Result<std::string> moment_of(const std::string& text) {
  if (text.find_first_not_of("0123456789") == std::string::npos) return text;
  const auto time = parse_moment("at", text);
  if (!time) return time.error();
  return format_wall_time(*time);
}

Result<int> run_get(const Session& session, const GetOptions& options) {
  const auto objects = parse_objects(options.words);
  if (!objects) return objects.error();
  const auto at = moment_of(options.at);
  if (!at) return at.error();
  auto api = session.connect();
  if (!api) return api.error();
  api->look_at(*at);
  // Several of one kind are one list; of several kinds, one list each, tables with a line between them.
  const bool table = options.format == OutputFormat::kTable || options.format == OutputFormat::kWide;
  bool shown = false;
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
    const bool empty = std::visit([](const auto& items) { return items.empty(); }, *views);
    if (table && shown && !empty) session.out("\n");
    show(session, *views, kind, options.format, single, api->target().tenant);
    shown = shown || !empty;
  }
  return 0;
}

}  // namespace

void add_get(CommandTree& tree) {
  const auto options = std::make_shared<GetOptions>();
  VerbFlags verb = tree.add(kDesiredState, "get", "Show objects: get KIND [NAME...] or KIND/NAME",
                            [options](const Session& session) { return run_get(session, *options); });
  verb.words("object", options->words, "KIND [NAME...]",
             "app, instance, node, tenant, operation, several (app,node) or all; and names", Need::kRequired);
  verb.text("--at", options->at, "SEQ|TIME", "As it was after a journal sequence, at a UTC time, or 5m ago");
  verb.output(options->format);
}

}  // namespace unik::cli
