// Every verb, one file each. They are added in the order of --help.
#pragma once

#include "cli/command_tree.hpp"

namespace unik::cli {

void add_build(CommandTree& tree);
void add_deploy(CommandTree& tree);
void add_logs(CommandTree& tree);
void add_status(CommandTree& tree);
void add_destroy(CommandTree& tree);

void add_apply(CommandTree& tree);
void add_diff(CommandTree& tree);
void add_get(CommandTree& tree);
void add_delete(CommandTree& tree);
void add_validate(CommandTree& tree);
void add_explain(CommandTree& tree);
void add_wait(CommandTree& tree);
void add_events(CommandTree& tree);

void add_node(CommandTree& tree);
void add_whatif(CommandTree& tree);
void add_history(CommandTree& tree);
void add_rollback(CommandTree& tree);
void add_rollout(CommandTree& tree);

void add_image(CommandTree& tree);
void add_image_rebase(CommandTree& tree, const VerbFlags& image);
void add_image_signing(CommandTree& tree, const VerbFlags& image);
void add_runtime(CommandTree& tree);

void add_recover(CommandTree& tree);
void add_quarantine(CommandTree& tree);

void add_up(CommandTree& tree);
void add_down(CommandTree& tree);
void add_doctor(CommandTree& tree);
void add_completion(CommandTree& tree);
void add_help(CommandTree& tree);
void add_version(CommandTree& tree);

void add_all(CommandTree& tree);

}  // namespace unik::cli
