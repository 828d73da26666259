#include "cli/output/completion.hpp"

#include <CLI/CLI.hpp>

#include <set>
#include <vector>

#include "cli/objects.hpp"
#include "cli/suggestion.hpp"

namespace unik::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string kinds() {
  std::string text;
  for (const ObjectKind kind : all_object_kinds())
    text += (text.empty() ? "" : " ") + std::string(names_of(kind).singular);
  return text;
}

std::string names_below(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* below : visible_verbs(app)) names.push_back(below->get_name());
  return joined(names);
}

// What a verb's words are, told by the type that its help shows: `objects`, `fields` of kinds or objects, names of some
// kinds, words, or files.
std::string words_of(const CLI::App& verb) {
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_positional()) continue;
    const std::string type = option->get_type_name();
    if (type.starts_with("KIND[.FIELD]")) return "fields";
    if (type.starts_with("KIND")) return "objects";
    if (type == "APP" || type == "APP...") return "names app";
    if (type == "APP|INSTANCE") return "names app instance";
    if (type == "QUARANTINED...") return "names quarantine";
    if (type == "NODE...") return "names node";
    if (type == "IMAGE" || type == "IMAGE...") return "names image";
    if (type == "RUNTIME" || type == "RUNTIME...") return "names runtime";
    if (type == "NAME" || type == "NAME...") return "names runtime-source";
    if (type.starts_with("NAME[@VERSION]") || type == "NEW_NAME") return "none";
    if (type == "VERB...") return "words " + names_below(*verb.get_parent());
    if (type.starts_with("bash")) return "words bash zsh fish";
    return "files";
  }
  return "none";
}

struct Entry {
  std::string path;  // `node list`
  const CLI::App* verb;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Entry>& out) {
  for (const CLI::App* below : visible_verbs(app)) {
    const std::string here = path.empty() ? below->get_name() : path + " " + below->get_name();
    out.push_back({here, below});
    collect(*below, here, out);
  }
}

// Bash cuts `--restart=never` into three words, and `condition=Ready` too.
constexpr std::string_view kBashHead = R"sh(_unikctl_files() {
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$1"))
}
_unikctl() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
  local path="" kind="" word flags="" words="" i
  COMPREPLY=()
  if [ "$cur" = "=" ]; then
    cur=""
  elif [ "$prev" = "=" ]; then
    prev="${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    [ "$word" = "=" ] || [ "${COMP_WORDS[i-1]}" = "=" ] && continue
    case "${COMP_WORDS[i-1]}" in @VALUED@) continue ;; esac
    case "$path/$word" in
)sh";

constexpr std::string_view kBashMiddle =
    R"sh(      *) case "$word" in -*) ;; *) [ -n "$path" ] && [ -z "$kind" ] && kind="$word" ;; esac ;;
    esac
  done
  case "$prev" in
    -o|--output) COMPREPLY=($(compgen -W "table wide json yaml name" -- "$cur")); return ;;
    --restart) COMPREPLY=($(compgen -W "always on-failure never" -- "$cur")); return ;;
    --for)
      COMPREPLY=($(compgen -W "ready deleted condition=" -- "$cur"))
      [ "${COMPREPLY[*]}" = "condition=" ] && compopt -o nospace 2>/dev/null
      return ;;
    condition) COMPREPLY=($(compgen -W "Ready Rollout Schedulable Drained" -- "$cur")); return ;;
    --lose|--node) COMPREPLY=($(compgen -W "$(unikctl __names node 2>/dev/null)" -- "$cur")); return ;;
    --tenant) COMPREPLY=($(compgen -W "$(unikctl __names tenant 2>/dev/null)" -- "$cur")); return ;;
    --context) COMPREPLY=($(compgen -W "$(unikctl __names context 2>/dev/null)" -- "$cur")); return ;;
    --rootfs|--initrd|--include|--add|--file) _unikctl_files "$cur"; return ;;
    -f) [ "$path" = logs ] || [ "$path" = events ] || { _unikctl_files "$cur"; return; } ;;
    @VALUED@) return ;;
  esac
  case "$path" in
)sh";

constexpr std::string_view kBashTail = R"sh(  esac
  if [ "${cur#-}" != "$cur" ]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    return
  fi
  # A field of a kind, until a name follows.
  if [ "$words" = fields ]; then
    if [ -z "$kind" ] && [ "${cur#*.}" != "$cur" ]; then
      compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -W "$(unikctl __fields "$cur" 2>/dev/null)" -- "$cur"))
      return
    fi
    words=objects
  fi
  case "$words" in
    objects)
      if [ "${cur#*/}" != "$cur" ]; then
        word="${cur%%/*}"
        COMPREPLY=($(compgen -W "$(unikctl __names "$word" 2>/dev/null)" -P "$word/" -- "${cur#*/}"))
      elif [ -z "$kind" ]; then
        COMPREPLY=($(compgen -W "@KINDS@" -- "$cur"))
      else
        COMPREPLY=($(compgen -W "$(unikctl __names "$kind" 2>/dev/null)" -- "$cur"))
      fi ;;
    names\ *) COMPREPLY=($(compgen -W "$(unikctl __names ${words#names } 2>/dev/null)" -- "$cur")) ;;
    words\ *) COMPREPLY=($(compgen -W "${words#words }" -- "$cur")) ;;
    files) _unikctl_files "$cur" ;;
  esac
}
complete -o bashdefault -F _unikctl unikctl
)sh";

std::string with(std::string_view text, std::string_view mark, const std::string& value) {
  std::string out(text);
  for (std::size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at + value.size()))
    out.replace(at, mark.size(), value);
  return out;
}

// The flags of all verbs that a value follows, as a pattern of `case`. `-f` is not among them: of some it has none.
std::string valued_flags(const std::vector<Entry>& entries, const std::vector<const CLI::Option*>& global) {
  std::set<std::string> names;
  const auto take = [&names](const CLI::Option* option) {
    if (option->get_positional() || option->get_items_expected_max() == 0) return;
    for (const std::string& name : option->get_lnames()) names.insert("--" + name);
    for (const std::string& name : option->get_snames())
      if (name != "f") names.insert("-" + name);
  };
  for (const CLI::Option* option : global) take(option);
  for (const Entry& entry : entries)
    for (const CLI::Option* option : entry.verb->get_options()) take(option);
  std::string pattern;
  for (const std::string& name : names) pattern += (pattern.empty() ? "" : "|") + name;
  return pattern;
}

// The root's own, which stand behind every verb too; `--help` and `--version` are not among them.
std::vector<const CLI::Option*> global_options(const CLI::App& root) {
  std::vector<const CLI::Option*> options;
  for (const CLI::Option* option : root.get_options())
    if (!option->get_positional() && option->get_items_expected_max() > 0) options.push_back(option);
  return options;
}

std::string bash_script(const CLI::App& root) {
  std::string global_flags;
  for (const CLI::Option* option : global_options(root))
    for (const std::string& name : option->get_lnames()) global_flags += (global_flags.empty() ? "--" : " --") + name;
  std::vector<Entry> entries;
  collect(root, "", entries);
  const std::string valued = valued_flags(entries, global_options(root));
  std::string text = with(kBashHead, "@VALUED@", valued);
  for (const Entry& entry : entries) {
    const std::size_t space = entry.path.rfind(' ');
    const std::string parent = space == std::string::npos ? "" : entry.path.substr(0, space);
    const std::string pattern = "\"" + parent + "/" + entry.verb->get_name() + "\"";
    text += "      " + pattern + ") path=\"" + entry.path + "\" ;;\n";
  }
  text += with(kBashMiddle, "@VALUED@", valued);
  text += "    \"\") flags=\"" + joined(flags_of(root)) + "\" words=\"words " + names_below(root) + "\" ;;\n";
  for (const Entry& entry : entries) {
    const std::string below = names_below(*entry.verb);
    text += "    \"" + entry.path + "\") flags=\"" + joined(flags_of(*entry.verb)) + " " + global_flags +
            "\" words=\"" + (below.empty() ? words_of(*entry.verb) : "words " + below) + "\" ;;\n";
  }
  return text + with(kBashTail, "@KINDS@", kinds());
}

// zsh runs bash's functions through its own bridge.
std::string zsh_script(const CLI::App& root) {
  return "#compdef unikctl\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" +
         bash_script(root);
}

std::string fish_quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// True where the verb of `path` was typed and none below it.
std::string fish_condition(const Entry& entry) {
  const std::size_t space = entry.path.rfind(' ');
  std::string condition = "__fish_seen_subcommand_from " + entry.verb->get_name();
  if (space != std::string::npos)
    condition = "__fish_seen_subcommand_from " + entry.path.substr(0, space) + "; and " + condition;
  const std::string below = names_below(*entry.verb);
  if (!below.empty()) condition += "; and not __fish_seen_subcommand_from " + below;
  return condition;
}

std::string fish_flags(const std::vector<const CLI::Option*>& options, const std::string& condition) {
  std::string text;
  for (const CLI::Option* option : options) {
    text += "complete -c unikctl" + (condition.empty() ? "" : " -n " + fish_quote(condition));
    for (const std::string& name : option->get_lnames()) text += " -l " + name;
    for (const std::string& name : option->get_snames()) text += " -s " + name;
    if (option->get_items_expected_max() > 0) text += " -r";
    if (option->check_lname("output")) text += " -f -a 'table wide json yaml name'";
    if (option->check_lname("tenant")) text += " -f -a '(unikctl __names tenant 2>/dev/null)'";
    if (option->check_lname("context")) text += " -f -a '(unikctl __names context 2>/dev/null)'";
    if (option->check_lname("lose") || option->check_lname("node"))
      text += " -f -a '(unikctl __names node 2>/dev/null)'";
    if (option->check_lname("restart")) text += " -f -a 'always on-failure never'";
    text += " -d " + fish_quote(option->get_description()) + "\n";
  }
  return text;
}

std::string fish_script(const CLI::App& root) {
  std::vector<Entry> entries;
  collect(root, "", entries);
  std::string text = "complete -c unikctl -e\n" + fish_flags(global_options(root), "");
  for (const CLI::App* verb : visible_verbs(root))
    text += "complete -c unikctl -f -n __fish_use_subcommand -a " + verb->get_name() + " -d " +
            fish_quote(verb->get_description()) + "\n";
  for (const Entry& entry : entries) {
    const std::string condition = fish_condition(entry);
    for (const CLI::App* below : visible_verbs(*entry.verb))
      text += "complete -c unikctl -f -n " + fish_quote(condition) + " -a " + below->get_name() + " -d " +
              fish_quote(below->get_description()) + "\n";
    std::vector<const CLI::Option*> own;
    for (const CLI::Option* option : entry.verb->get_options())
      if (!option->get_positional()) own.push_back(option);
    text += fish_flags(own, condition);
    if (!names_below(*entry.verb).empty()) continue;
    const std::string words = words_of(*entry.verb);
    std::string offered;
    if (words == "fields")
      offered = "(unikctl __fields (commandline -ct) 2>/dev/null) (unikctl __names --with-kind 2>/dev/null)";
    if (words == "objects") offered = kinds() + " (unikctl __names --with-kind 2>/dev/null)";
    if (words.starts_with("names ")) offered = "(unikctl __names " + words.substr(6) + " 2>/dev/null)";
    if (words.starts_with("words ")) offered = words.substr(6);
    if (!offered.empty())
      text += "complete -c unikctl -f -n " + fish_quote(condition) + " -a " + fish_quote(offered) + "\n";
  }
  return text;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell, const CLI::App& root) {
  if (shell == "bash") return bash_script(root);
  if (shell == "zsh") return zsh_script(root);
  if (shell == "fish") return fish_script(root);
  const std::vector<std::string> known{"bash", "zsh", "fish"};
  return invalid("unknown_shell",
                 "want bash, zsh or fish, got `" + std::string(shell) + "`" + did_you_mean(shell, known));
}

}  // namespace unik::cli
