// The verbs and their flags: one tree, walked for parsing, help, suggestions and completion alike.
//
// A verb's file adds it with `add`, says what it takes on the VerbFlags that it gets back, and keeps the values in a
// shared struct that its Verb captures. Parsing never runs a verb: the caller asks for the chosen one. CLI11 is known
// to two files only, since it takes its time to compile.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "cli/context.hpp"
#include "cli/output/format.hpp"
#include "cli/session.hpp"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace unik::cli {

// The headings of --help, in their order there.
inline constexpr std::string_view kShortcuts = "The five shortcuts";
inline constexpr std::string_view kDesiredState = "Desired state";
inline constexpr std::string_view kNodes = "Nodes";
inline constexpr std::string_view kImages = "Images, runtimes";
inline constexpr std::string_view kSafety = "Access, safety";
inline constexpr std::string_view kAround = "Around it";

enum class Need : std::uint8_t { kOptional, kRequired };

// What one verb takes. The values must outlive the tree. `type` is shown in the help, and tells completion what the
// words are (output/completion.hpp).
class VerbFlags {
 public:
  explicit VerbFlags(CLI::App& app) : app_(app) {}

  // Words without a flag: one, or any number.
  void word(const std::string& name, std::string& value, const std::string& type, const std::string& help, Need need);
  void words(const std::string& name, std::vector<std::string>& values, const std::string& type,
             const std::string& help, Need need);

  // `names` such as `-e,--env`.
  void flag(const std::string& names, bool& value, const std::string& help);
  void text(const std::string& names, std::string& value, const std::string& type, const std::string& help);
  void number(const std::string& names, std::optional<std::uint32_t>& value, const std::string& type,
              const std::string& help);
  void number(const std::string& names, std::optional<std::uint64_t>& value, const std::string& type,
              const std::string& help);
  // Any number of times, one value each.
  void list(const std::string& names, std::vector<std::string>& values, const std::string& type,
            const std::string& help);
  // Such as `90s`.
  void duration(const std::string& names, Duration& value, const std::string& help);
  void duration(const std::string& names, std::optional<Duration>& value, const std::string& help,
                std::optional<Duration> most = std::nullopt);

  // What several verbs share: `-o FORMAT`, and `-f PATH`, which is needed.
  void output(OutputFormat& format);
  void files(std::vector<std::string>& files);

 private:
  friend class CommandTree;
  CLI::App& app_;
};

// What the command line asked for.
struct Parsed {
  const Verb* verb = nullptr;  // none: print `text` and end with code 0
  std::string text;            // help or version
  TargetFlags flags;
  std::vector<std::string> guest_args;
};

class CommandTree {
 public:
  CommandTree();
  ~CommandTree();
  CommandTree(const CommandTree&) = delete;
  CommandTree& operator=(const CommandTree&) = delete;

  VerbFlags add(std::string_view group, const std::string& name, const std::string& summary, Verb verb);
  // A word that only groups others, `node` or `runtime key`, and a verb below it.
  VerbFlags add_group(std::string_view group, const std::string& name, const std::string& summary);
  VerbFlags add_group_below(VerbFlags parent, const std::string& name, const std::string& summary);
  VerbFlags add_below(VerbFlags parent, const std::string& name, const std::string& summary, Verb verb);
  // Found by who knows it, shown to nobody.
  VerbFlags add_hidden(const std::string& name, Verb verb);

  // `verb` takes words after `--` for the guest; the others refuse them.
  void take_guest_args(VerbFlags verb) { guest_args_verb_ = &verb.app_; }

  // `args` without the program's name. Errors: `invalid`/`usage`.
  Result<Parsed> parse(std::vector<std::string> args);

  // Of the verb that `words` lead to; of the whole for none. Errors: `invalid`/`usage`.
  Result<std::string> help(std::span<const std::string> words) const;

  const CLI::App& root() const { return *root_; }
  std::vector<std::string> verb_names() const;  // of the top level, as in the help

 private:
  Error explain(const CLI::ParseError& problem) const;

  std::unique_ptr<CLI::App> root_;
  TargetFlags flags_;
  std::map<const CLI::App*, Verb> verbs_;
  const CLI::App* guest_args_verb_ = nullptr;
};

// For walks over the tree: the subcommands that help shows, and the long and short flags of one verb.
std::vector<const CLI::App*> visible_verbs(const CLI::App& app);
std::vector<std::string> flags_of(const CLI::App& app);

}  // namespace unik::cli
