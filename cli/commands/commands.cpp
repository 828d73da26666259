#include "cli/commands/commands.hpp"

namespace unik::cli {

void add_all(CommandTree& tree) {
  for (const auto add :
       {add_build,      add_deploy, add_logs,     add_status,  add_destroy,    add_apply,   add_diff,
        add_get,        add_delete, add_validate, add_explain, add_wait,       add_history, add_rollback,
        add_rollout,    add_events, add_node,     add_whatif,  add_image,      add_runtime, add_recover,
        add_quarantine, add_up,     add_down,     add_doctor,  add_completion, add_help,    add_version})
    add(tree);
}

}  // namespace unik::cli
