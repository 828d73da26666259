#include "cli/program.hpp"

#include <ostream>

#include "cli/command_tree.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/colour.hpp"
#include "cli/packing.hpp"
#include "cli/session.hpp"

namespace unik::cli {
namespace {

int fail(const Error& error, const Terminal& terminal) {
  *terminal.err << paint("error", Colour::kRed, terminal.colour_err) << ": " << to_string(error) << '\n' << std::flush;
  return traits(error.code).exit_code;
}

}  // namespace

int run(const std::vector<std::string>& args, const Environment& environment, const Terminal& terminal) {
  CommandTree tree;
  add_all(tree);
  const auto parsed = tree.parse(args);
  if (!parsed) return fail(parsed.error(), terminal);
  const Session session(environment, terminal, parsed->flags, parsed->guest_args);
  if (parsed->verb == nullptr) session.out(parsed->text);
  const auto code = parsed->verb == nullptr ? Result<int>(0) : (*parsed->verb)(session);
  if (!code) return fail(with_prune_hint(environment, code.error()), terminal);
  if (!session.can_write()) return fail(unavailable("write_failed", "stdout cannot be written to"), terminal);
  return *code;
}

}  // namespace unik::cli
