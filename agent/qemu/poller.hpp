// One thread's wait for descriptors, changed files and other threads. Thin over epoll, inotify and eventfd.
//
// A tag names what a descriptor or file belongs to; its owner gives it and must never give it twice. All but `wake`
// belong to the waiting thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/forward/fd.hpp"
#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::agent {

class Poller {
 public:
  using Tag = std::uint64_t;

  // Errors: `unavailable`/`poller` (out of descriptors or inotify instances; says which limit to raise).
  static Result<Poller> create();

  // Ready for reading, or at its end.
  void add(const Fd& fd, Tag tag);
  void remove(const Fd& fd);

  // The file was written to. False when it cannot be watched (it is not there, or out of inotify watches).
  bool watch(const std::string& path, Tag tag);
  void unwatch(Tag tag);

  // The tags that are due, each once; empty after `longest` or a wake.
  std::vector<Tag> wait(std::optional<Duration> longest);

  // Ends the wait under way or the next one. Any thread.
  void wake() const;

 private:
  Poller(Fd epoll, Fd events, Fd inotify)
      : epoll_(std::move(epoll)), events_(std::move(events)), inotify_(std::move(inotify)) {}
  void read_inotify(std::vector<Tag>& due);

  Fd epoll_;
  Fd events_;
  Fd inotify_;
  std::map<int, Tag> watches_;
};

}  // namespace unik::agent
