// help [VERB...]: what `--help` of that verb prints.
#include <memory>

#include "cli/commands/commands.hpp"

namespace unik::cli {

void add_help(CommandTree& tree) {
  const auto words = std::make_shared<std::vector<std::string>>();
  VerbFlags verb = tree.add(kAround, "help", "Explain a verb, as --help of it does",
                            [words, &tree](const Session& session) -> Result<int> {
                              const auto text = tree.help(*words);
                              if (!text) return text.error();
                              session.out(*text);
                              return 0;
                            });
  verb.words("verb", *words, "VERB...", "Which (all)", Need::kOptional);
}

}  // namespace unik::cli
