// get KIND [NAME…]: what is there, in any format.
#include <iterator>
#include <memory>
#include <optional>

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

// What was asked for, objects of a kind that stand together as one list; and what of it is not there.
struct Found {
  std::vector<Views> kinds;
  std::optional<Error> missing;
};

void add(Views views, Found& found) {
  if (found.kinds.empty() || found.kinds.back().index() != views.index())
    return void(found.kinds.push_back(std::move(views)));
  std::visit(
      [&](auto& items) {
        auto& more = std::get<std::remove_reference_t<decltype(items)>>(views);
        items.insert(items.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
      },
      found.kinds.back());
}

Result<Found> find(const Api& api, const std::vector<ObjectRef>& objects) {
  Found found;
  for (const ObjectRef& object : objects) {
    auto views = fetch_views(api, object);
    if (views) {
      add(std::move(views).value(), found);
    } else if (views.error().code != ErrorCode::kNotFound || object.name.empty()) {
      return views.error();
    } else if (!found.missing) {
      found.missing = views.error();
    } else {
      found.missing->details.push_back({to_string(object), 0, 0, "", views.error().message});
    }
  }
  return found;
}

Result<int> run_get(const Session& session, const GetOptions& options) {
  const auto objects = parse_objects(options.words);
  if (!objects) return objects.error();
  const auto at = moment_of(options.at);
  if (!at) return at.error();
  auto api = session.connect();
  if (!api) return api.error();
  api->look_at(*at);
  const auto found = find(*api, *objects);
  if (!found) return found.error();
  // What is there is shown all the same.
  const bool single = objects->size() == 1 && !objects->front().name.empty();
  if (!found->missing || !found->kinds.empty())
    show(session, found->kinds, options.format, single, api->target().tenant);
  if (found->missing) return *found->missing;
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
