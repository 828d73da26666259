#include "runtimes/lib/runtime/release_change.hpp"

#include <utility>

namespace unik::runtimes {

ReleaseChange::ReleaseChange(GitRepository git, ReleaseGoal goal, std::filesystem::path tree)
    : git_(std::move(git)), tree_git_(git_.at(tree)), goal_(std::move(goal)), tree_(std::move(tree)) {}

// git's part first: where the tag stands all the same, or that cannot be told, its packages stay with it.
ReleaseChange::~ReleaseChange() {
  const GitRepository after = git_.despite_signals();
  if (!pushed_ && !commit_.empty()) {
    const auto tagged = after.commit_of("refs/tags/" + goal_.tag);
    if (!tagged || (*tagged == commit_ && !after.run({"tag", "--delete", goal_.tag}))) placed_.keep();
  }
  // One that cannot be removed is pruned by git itself once its directory is gone.
  if (began_)
    if (auto gone = after.run({"worktree", "remove", "--force", tree_.string()}); !gone) return;
}

Result<void> ReleaseChange::begin() {
  relay_.emplace();
  if (auto pruned = git_.run({"worktree", "prune"}); !pruned) return pruned;
  began_ = true;
  return git_.run({"worktree", "add", "--quiet", "--detach", tree_.string(), goal_.head});
}

Result<void> ReleaseChange::write(const std::filesystem::path& file, const std::string& text) {
  if (auto written = replace_file(tree_ / file, text); !written) return written;
  return tree_git_.run({"add", "--", file.string()});
}

Result<void> ReleaseChange::lock_place(const std::filesystem::path& place, const std::function<void()>& waits) {
  if (auto made = placed_.make_place(place); !made) return made;
  bool waiting = false;
  auto lock = lock_directory(place, [&] {
    if (!std::exchange(waiting, true)) waits();
    return SignalRelay::check_none();
  });
  if (!lock) return std::move(lock).error();
  lock_ = *std::move(lock);
  return {};
}

Result<void> ReleaseChange::put_package(const std::filesystem::path& from, const std::filesystem::path& to) {
  return placed_.put(from, to);
}

Result<void> ReleaseChange::push() {
  if (auto free = SignalRelay::check_none(); !free) return free;
  if (auto done = tree_git_.run({"commit", "--quiet", "--message", goal_.message}); !done) return done;
  auto commit = tree_git_.commit_of("HEAD");
  if (!commit) return commit.error();
  commit_ = *std::move(commit);
  if (auto done = tree_git_.run({"tag", "--annotate", "--message", goal_.message, goal_.tag, commit_}); !done)
    return done;
  if (auto sent = tree_git_.run({"push", "--quiet", "--atomic", goal_.remote, commit_ + ":refs/heads/" + goal_.branch,
                                 "refs/tags/" + goal_.tag});
      !sent)
    return settle(sent.error());
  pushed_ = true;
  placed_.keep();
  return {};
}

// The remote may have taken what a broken connection did not confirm.
Result<void> ReleaseChange::settle(const Error& error) {
  const GitRepository after = git_.despite_signals();
  const auto ours = after.ask({"rev-parse", "--verify", "refs/tags/" + goal_.tag});
  const auto sent_to = after.ask({"remote", "get-url", "--push", goal_.remote});
  const auto there = after.remote_tag(sent_to ? *sent_to : goal_.remote, goal_.tag);
  if (ours && there && *ours != *there) return error;
  pushed_ = true;
  placed_.keep();
  if (ours && there) return {};
  return unavailable("push_unknown",
                     error.message + "; whether " + goal_.remote + " has taken it cannot be told, so tag " + goal_.tag +
                         " and the packages are kept: `git push --atomic " + goal_.remote + " " + commit_ +
                         ":refs/heads/" + goal_.branch + " refs/tags/" + goal_.tag + "` finishes the release");
}

bool ReleaseChange::follow() const {
  const GitRepository after = git_.despite_signals();
  const auto branch = after.branch();
  return branch && *branch == goal_.branch && after.run({"merge", "--quiet", "--ff-only", commit_}).ok();
}

}  // namespace unik::runtimes
