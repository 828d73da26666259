#include "controller/core/retention.hpp"

#include <string>
#include <vector>

namespace unik::controller {

void drop_expired(Draft& draft) {
  const World& world = draft.world();
  const std::size_t active = world.active_operations.size() + world.unfinished_builds.size();
  const std::size_t finished = world.operations.size() - active;
  std::size_t surplus = finished > kMaxFinishedOperations ? finished - kMaxFinishedOperations : 0;
  std::vector<OperationKey> old;
  for (auto it = world.operations.begin(); surplus > 0 && it != world.operations.end(); ++it) {
    if (!is_final(*it->second)) continue;
    old.push_back(it->first);
    --surplus;
  }
  std::vector<std::string> stale;
  for (const auto& [key, row] : world.answers)
    if (draft.now().wall - row->at > kAnswerLifetime || world.answers.size() - stale.size() > kMaxAnswers)
      stale.push_back(key);
  for (const OperationKey& key : old) draft.change(RemoveOperation{key});
  for (const std::string& key : stale) draft.change(RemoveAnswer{key});
}

}  // namespace unik::controller
