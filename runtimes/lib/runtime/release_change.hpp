// What a release changes: a commit and a tag, made in a work tree of their own, and packages, put where others fetch
// them. The user's tree, index and branch are not touched before the push was taken, and then only moved forward to it.
// Unless it was pushed, the tag, the packages and the work tree are taken away again, whatever signal came: from
// begin() on, one ends no more than the program that runs, and whoever works between asks SignalRelay::check_none.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "api/result.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/signal_relay.hpp"
#include "runtimes/lib/runtime/git_repository.hpp"
#include "runtimes/lib/runtime/placed_files.hpp"

namespace unik::runtimes {

struct ReleaseGoal {
  std::string head;  // the commit that it begins at
  std::string remote;
  std::string branch;
  std::string tag;
  std::string message;

  bool operator==(const ReleaseGoal&) const = default;
};

class ReleaseChange {
 public:
  // `tree` is free, and the work tree's place from begin() on.
  ReleaseChange(GitRepository git, ReleaseGoal goal, std::filesystem::path tree);
  ~ReleaseChange();
  ReleaseChange(const ReleaseChange&) = delete;
  ReleaseChange& operator=(const ReleaseChange&) = delete;

  // Also takes away what is left of work trees that are gone.
  Result<void> begin();
  const std::filesystem::path& tree() const { return tree_; }

  // `file` is relative to the tree.
  Result<void> write(const std::filesystem::path& file, const std::string& text);
  // Makes the directory of the packages where it is missing, and waits for others who put some there:
  // calls `waits` once where it has to. Errors: `unavailable/interrupted` once a signal came meanwhile.
  Result<void> lock_place(const std::filesystem::path& place, const std::function<void()>& waits);
  // Errors: those of PlacedFiles.
  Result<void> put_package(const std::filesystem::path& from, const std::filesystem::path& to);

  // Commits, tags, and sends both. An answer that was lost is asked for: `unavailable/push_unknown` where that tells
  // nothing; all is kept then, since others may have it already.
  Result<void> push();

  // The user's checkout, once pushed, forward to the release. Where it has moved on, it is left as it is: false.
  bool follow() const;

 private:
  Result<void> settle(const Error& error);

  GitRepository git_;
  GitRepository tree_git_;
  ReleaseGoal goal_;
  std::filesystem::path tree_;
  std::optional<SignalRelay> relay_;
  Fd lock_;
  PlacedFiles placed_;
  std::string commit_;
  bool began_ = false;
  bool pushed_ = false;
};

}  // namespace unik::runtimes
