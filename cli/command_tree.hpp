// The verbs and their flags: one tree, walked for parsing, help, suggestions and completion alike.
//
// A verb's file adds it with `add` and keeps its options in a shared struct that its Verb captures. Parsing never runs a
// verb: the caller asks for the chosen one.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "cli/context.hpp"
#include "cli/output/format.hpp"
#include "cli/session.hpp"

namespace unik::cli {

// The headings of --help, in their order there.
inline constexpr std::string_view kShortcuts = "The five shortcuts";
inline constexpr std::string_view kDesiredState = "Desired state";
inline constexpr std::string_view kNodes = "Nodes";
inline constexpr std::string_view kAround = "Around it";

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
  CommandTree(const CommandTree&) = delete;
  CommandTree& operator=(const CommandTree&) = delete;

  // A verb of the top level, or below `parent`.
  CLI::App& add(std::string_view group, std::string name, std::string summary, Verb verb);
  CLI::App& add_below(CLI::App& parent, std::string name, std::string summary, Verb verb);
  // A word that only groups others: `node`.
  CLI::App& add_group(std::string_view group, std::string name, std::string summary);
  // Found by who knows it, shown to nobody.
  CLI::App& add_hidden(std::string name, Verb verb);

  // `verb` takes words after `--` for the guest; the others refuse them.
  void take_guest_args(CLI::App& verb) { guest_args_verb_ = &verb; }

  // `args` without the program's name. Errors: `invalid`/`usage`.
  Result<Parsed> parse(std::vector<std::string> args);

  const CLI::App& root() const { return root_; }

 private:
  Error explain(const CLI::ParseError& problem) const;

  CLI::App root_;
  TargetFlags flags_;
  std::map<const CLI::App*, Verb> verbs_;
  const CLI::App* guest_args_verb_ = nullptr;
};

// `-o`; what is allowed is in the help.
void add_output_flag(CLI::App& verb, OutputFormat& format);
// A duration such as `90s`.
void add_duration_flag(CLI::App& verb, const std::string& name, Duration& value, const std::string& help);

// `-f PATH`, needed, any number of times.
void add_file_flag(CLI::App& verb, std::vector<std::string>& files);
// `NAME VALUE`, any number of times, one value each.
void add_list_flag(CLI::App& verb, const std::string& name, std::vector<std::string>& values, const std::string& type,
                   const std::string& help);

// Visible subcommands, and the long and short flags of one verb, for completion.
std::vector<const CLI::App*> visible_verbs(const CLI::App& app);
std::vector<std::string> flags_of(const CLI::App& app);

}  // namespace unik::cli
