#include "cli/command_tree.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <utility>

#include "cli/suggestion.hpp"

namespace unik::cli {
namespace {

constexpr std::size_t kHelpColumn = 34;

constexpr std::array<std::pair<std::string_view, OutputFormat>, 5> kFormats = {{
    {"table", OutputFormat::kTable},
    {"wide", OutputFormat::kWide},
    {"json", OutputFormat::kJson},
    {"yaml", OutputFormat::kYaml},
    {"name", OutputFormat::kName},
}};

Error usage(std::string message) {
  return invalid("usage", std::move(message));
}

// The verb that was named, however deep.
const CLI::App* chosen(const CLI::App& app) {
  const auto below = app.get_subcommands();
  return below.empty() ? &app : chosen(*below.front());
}

std::string path_of(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : path_of(*parent) + " " + app.get_name();
}

// A whole number without sign; everything else is refused in our own words.
template <typename Int>
std::function<void(const std::string&)> number_reader(const std::string& names, std::optional<Int>& value) {
  return [&value, names](const std::string& text) {
    Int number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || problem != std::errc() || end != text.data() + text.size())
      throw CLI::ValidationError(names, "want a whole number from 0 on, got `" + text + "`");
    value = number;
  };
}

bool is_long(const std::string& flag) {
  return flag.starts_with("--");
}

// An empty text is a variable that was not set, as in `--url "$URL"`, and seldom what was meant.
std::function<void(const std::string&)> text_reader(const std::string& names, std::string& value) {
  return [&value, names](const std::string& text) {
    if (text.empty()) throw CLI::ValidationError(names, "want a value, got an empty one; leave the flag out instead");
    value = text;
  };
}

class HelpFormat : public CLI::Formatter {
 public:
  // `guest_args_verb` is the verb that takes words after `--`, once it is known.
  explicit HelpFormat(const CLI::App* const& guest_args_verb) : guest_args_verb_(guest_args_verb) {
    column_width(kHelpColumn);
    label("SUBCOMMAND", "VERB");
    label("Subcommands", "Verbs");
    label("OPTIONS", "FLAGS");
    label("Options", "Flags");
    label("Positionals", "Words");
  }

  // `unikctl deploy [FLAGS] [DIR|PROGRAM|KERNEL|IMAGE] [-- ARGS]`, as it is typed.
  std::string make_usage(const CLI::App* app, std::string) const override {
    std::string usage = "Usage: " + path_of(*app) + " [FLAGS]";
    for (const CLI::Option* option : app->get_options())
      if (option->get_positional())
        usage += option->get_required() ? " " + option->get_type_name() : " [" + option->get_type_name() + "]";
    if (!visible_verbs(*app).empty()) usage += app->get_parent() == nullptr ? " [VERB]" : " VERB";
    if (app == guest_args_verb_) usage += " [-- ARGS]";
    return usage + "\n";
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0) return "";
    return " " + option->get_type_name() + (option->get_required() ? " (required)" : "");
  }
  std::string make_footer(const CLI::App* app) const override {
    const std::string footer = CLI::Formatter::make_footer(app);
    if (app->get_parent() == nullptr || !footer.empty()) return footer;
    return "\nFlags for every verb (--url, --token, --tenant, --context) are in `unikctl --help`.\n";
  }

 private:
  const CLI::App* const& guest_args_verb_;
};

}  // namespace

CommandTree::CommandTree()
    : root_(
          std::make_unique<CLI::App>("Runs apps as unikernels: says what shall run, and shows what does.", "unikctl")) {
  root_->formatter(std::make_shared<HelpFormat>(guest_args_verb_));
  root_->option_defaults()->group("Flags");
  root_->require_subcommand(0, 1);  // else a word that is also a verb, as in `get node`, would begin that verb
  root_->set_help_flag("-h,--help", "Print this and end")->group("Flags");
  root_->set_version_flag("--version", std::string("unikctl ") + UNIK_VERSION, "Print the version and end")
      ->group("Flags");
  root_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  VerbFlags global(*root_);
  global.text("--url", flags_.url, "URL",
              "The control plane: http://HOST:PORT, https://HOST:PORT or unix:///PATH [UNIKCTL_CONTROL_PLANE_URL]");
  global.text("--token", flags_.token, "TOKEN", "Who you are to it [UNIKCTL_TOKEN]");
  global.text("--tenant", flags_.tenant, "NAME", "Whose objects [UNIKCTL_TENANT, default]");
  global.text("--context", flags_.context, "NAME", "An entry of ~/.config/unikctl/config.yaml [UNIKCTL_CONTEXT]");
  root_->footer(
      "\nWithout a control plane named, the local one is used, and started if need be.\n"
      "`unikctl VERB --help` tells more. Begin with: unikctl deploy DIRECTORY\n");
}

CommandTree::~CommandTree() = default;

VerbFlags CommandTree::add(std::string_view group, const std::string& name, const std::string& summary, Verb verb) {
  const VerbFlags flags = add_below(VerbFlags(*root_), name, summary, std::move(verb));
  flags.app_.group(std::string(group));
  return flags;
}

VerbFlags CommandTree::add_group(std::string_view group, const std::string& name, const std::string& summary) {
  const VerbFlags flags = add_group_below(VerbFlags(*root_), name, summary);
  flags.app_.group(std::string(group));
  return flags;
}

VerbFlags CommandTree::add_group_below(VerbFlags parent, const std::string& name, const std::string& summary) {
  CLI::App* app = parent.app_.add_subcommand(name, summary);
  app->fallthrough();
  app->require_subcommand(0, 1);
  return VerbFlags(*app);
}

VerbFlags CommandTree::add_below(VerbFlags parent, const std::string& name, const std::string& summary, Verb verb) {
  CLI::App* app = parent.app_.add_subcommand(name, summary);
  app->fallthrough();
  verbs_[app] = std::move(verb);
  return VerbFlags(*app);
}

VerbFlags CommandTree::add_hidden(const std::string& name, Verb verb) {
  return add("", name, "", std::move(verb));
}

Error CommandTree::explain(const CLI::ParseError& problem) const {
  const CLI::App& verb = *chosen(*root_);
  const std::string help = "; see `" + path_of(verb) + " --help`";
  const auto extra = verb.remaining(true);
  const auto top_extra = root_->remaining(false);
  const std::string word = !extra.empty() ? extra.front() : top_extra.empty() ? "" : top_extra.front();
  if (dynamic_cast<const CLI::ExtrasError*>(&problem) == nullptr || word.empty())
    return usage(std::string(problem.what()) + help);
  if (word.starts_with('-')) {
    const std::string flag = word.substr(0, word.find('='));
    std::vector<std::string> known;
    for (const CLI::App* of : {&verb, static_cast<const CLI::App*>(root_.get())})
      for (std::string& name : flags_of(*of))
        if (is_long(flag) && is_long(name)) known.push_back(std::move(name));  // all letters are alike near
    return usage("unknown flag `" + flag + "`" + did_you_mean(flag, known) + help);
  }
  std::vector<std::string> known;
  for (const CLI::App* below : visible_verbs(verb)) known.push_back(below->get_name());
  if (known.empty()) return usage("`" + path_of(verb) + "` takes no further word, got `" + word + "`" + help);
  return usage("unknown verb `" + word + "`" + did_you_mean(word, known) + help);
}

Result<Parsed> CommandTree::parse(std::vector<std::string> args) {
  Parsed parsed;
  bool separated = false;
  if (const auto separator = std::find(args.begin(), args.end(), "--"); separator != args.end()) {
    parsed.guest_args.assign(separator + 1, args.end());
    args.erase(separator, args.end());
    separated = true;
  }
  // CLI11 would take the next word for the value.
  const auto empty = std::ranges::find_if(
      args, [](const std::string& word) { return is_long(word) && word.find('=') + 1 == word.size(); });
  if (empty != args.end()) return usage(*empty + ": want a value, got an empty one; leave the flag out instead");
  try {
    std::reverse(args.begin(), args.end());  // as CLI11 wants them
    root_->parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    parsed.text = chosen(*root_)->help();
    return parsed;
  } catch (const CLI::CallForVersion& version) {
    parsed.text = std::string(version.what()) + "\n";
    return parsed;
  } catch (const CLI::ParseError& problem) {
    return explain(problem);
  }
  const CLI::App* app = chosen(*root_);
  if (separated && app != guest_args_verb_) return usage("only `deploy` takes words after `--`, for the guest");
  const auto verb = verbs_.find(app);
  if (verb == verbs_.end()) {
    parsed.text = app->help();
    if (app != root_.get()) return usage("want a verb after `" + path_of(*app) + "`:\n" + parsed.text);
    return parsed;
  }
  parsed.verb = &verb->second;
  parsed.flags = flags_;
  return parsed;
}

Result<std::string> CommandTree::help(std::span<const std::string> words) const {
  const CLI::App* app = root_.get();
  for (const std::string& word : words) {
    std::vector<std::string> known;
    const CLI::App* next = nullptr;
    for (const CLI::App* below : visible_verbs(*app)) {
      known.push_back(below->get_name());
      if (word == known.back()) next = below;
    }
    if (next == nullptr)
      return usage((known.empty() ? "`" + path_of(*app) + "` has no verbs below it, got `" + word + "`"
                                  : "unknown verb `" + word + "`" + did_you_mean(word, known)) +
                   "; see `" + path_of(*app) + " --help`");
    app = next;
  }
  // App::help would print the help of the verb that was parsed, which is `help`.
  return app->get_formatter()->make_help(app, "", CLI::AppFormatMode::Normal);
}

std::vector<std::string> CommandTree::verb_names() const {
  std::vector<std::string> names;
  for (const CLI::App* verb : visible_verbs(*root_)) names.push_back(verb->get_name());
  return names;
}

void VerbFlags::word(const std::string& name, std::string& value, const std::string& type, const std::string& help,
                     Need need) {
  app_.add_option(name, value, help)->type_name(type)->required(need == Need::kRequired);
}

void VerbFlags::words(const std::string& name, std::vector<std::string>& values, const std::string& type,
                      const std::string& help, Need need) {
  app_.add_option(name, values, help)->type_name(type)->required(need == Need::kRequired);
}

void VerbFlags::flag(const std::string& names, bool& value, const std::string& help) {
  app_.add_flag(names, value, help);
}

void VerbFlags::text(const std::string& names, std::string& value, const std::string& type, const std::string& help) {
  app_.add_option_function<std::string>(names, text_reader(names, value), help)->type_name(type);
}

void VerbFlags::number(const std::string& names, std::optional<std::uint32_t>& value, const std::string& type,
                       const std::string& help) {
  app_.add_option_function<std::string>(names, number_reader(names, value), help)->type_name(type);
}

void VerbFlags::number(const std::string& names, std::optional<std::uint64_t>& value, const std::string& type,
                       const std::string& help) {
  app_.add_option_function<std::string>(names, number_reader(names, value), help)->type_name(type);
}

void VerbFlags::list(const std::string& names, std::vector<std::string>& values, const std::string& type,
                     const std::string& help) {
  app_.add_option(names, values, help)
      ->type_name(type)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

namespace {

// `Value` is a Duration, or a place for one.
template <typename Value>
void add_duration(CLI::App& app, const std::string& names, Value& value, const std::string& help,
                  std::optional<Duration> most) {
  const auto read = [&value, names, most](const std::string& text) {
    const auto parsed = parse_duration(text);
    const bool too_long = most && (parsed ? *parsed > *most : parsed.error().reason == "duration_too_long");
    if (too_long)
      throw CLI::ValidationError(names,
                                 "want a duration of at most " + format_duration(*most) + ", got `" + text + "`");
    if (!parsed) throw CLI::ValidationError(names, parsed.error().message);
    value = *parsed;
  };
  app.add_option_function<std::string>(names, read, help)->type_name("DURATION");
}

}  // namespace

void VerbFlags::duration(const std::string& names, Duration& value, const std::string& help) {
  add_duration(app_, names, value, help, std::nullopt);
}

void VerbFlags::duration(const std::string& names, std::optional<Duration>& value, const std::string& help,
                         std::optional<Duration> most) {
  add_duration(app_, names, value, help, most);
}

void VerbFlags::output(OutputFormat& format) {
  const auto read = [&format](const std::string& text) {
    std::vector<std::string> known;
    for (const auto& [name, value] : kFormats) {
      known.emplace_back(name);
      if (name != text) continue;
      format = value;
      return;
    }
    throw CLI::ValidationError("--output",
                               "want table, wide, json, yaml or name, got `" + text + "`" + did_you_mean(text, known));
  };
  app_.add_option_function<std::string>("-o,--output", read, "table, wide, json, yaml or name")->type_name("FORMAT");
}

void VerbFlags::files(std::vector<std::string>& files) {
  list("-f,--file", files, "PATH", "A manifest, a directory of them, or - for stdin; again for more");
  app_.get_option("--file")->required();
}

std::vector<const CLI::App*> visible_verbs(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* below) { return !below->get_group().empty(); });
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  return flags;
}

}  // namespace unik::cli
