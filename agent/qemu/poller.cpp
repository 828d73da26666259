#include "agent/qemu/poller.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

namespace unik::agent {
namespace {

// Reserved, never given by an owner.
constexpr Poller::Tag kWakeTag = ~Poller::Tag{0};
constexpr Poller::Tag kInotifyTag = kWakeTag - 1;
constexpr int kEventsAtOnce = 64;

void add_to(int epoll, int fd, Poller::Tag tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int to_milliseconds(std::optional<Duration> longest) {
  if (!longest) return -1;
  // Rounded up: a wait that ends early would only be repeated.
  return static_cast<int>(std::clamp<std::int64_t>((longest->count() + 999) / 1000, 0, INT_MAX));
}

}  // namespace

Result<Poller> Poller::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  Fd events(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Fd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!epoll || !events || !inotify)
    return unavailable("poller", std::string("cannot watch VMs: ") + std::strerror(errno) +
                                     "; raise `ulimit -n` or fs.inotify.max_user_instances");
  add_to(epoll.get(), events.get(), kWakeTag);
  add_to(epoll.get(), inotify.get(), kInotifyTag);
  return Poller(std::move(epoll), std::move(events), std::move(inotify));
}

void Poller::add(const Fd& fd, Tag tag) {
  add_to(epoll_.get(), fd.get(), tag);
}

void Poller::remove(const Fd& fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
}

bool Poller::watch(const std::string& path, Tag tag) {
  const int watch = inotify_add_watch(inotify_.get(), path.c_str(), IN_MODIFY);
  if (watch < 0) return false;
  watches_[watch] = tag;
  return true;
}

void Poller::unwatch(Tag tag) {
  const auto found = std::find_if(watches_.begin(), watches_.end(), [tag](const auto& w) { return w.second == tag; });
  if (found == watches_.end()) return;
  inotify_rm_watch(inotify_.get(), found->first);
  watches_.erase(found);
}

std::vector<Poller::Tag> Poller::wait(std::optional<Duration> longest) {
  std::array<epoll_event, kEventsAtOnce> ready{};
  const int count = epoll_wait(epoll_.get(), ready.data(), kEventsAtOnce, to_milliseconds(longest));
  std::vector<Tag> due;
  for (int i = 0; i < count; ++i) {
    const Tag tag = ready[static_cast<std::size_t>(i)].data.u64;
    if (tag == kWakeTag) {
      std::uint64_t ignored = 0;
      (void)!read(events_.get(), &ignored, sizeof ignored);
    } else if (tag == kInotifyTag) {
      read_inotify(due);
    } else {
      due.push_back(tag);
    }
  }
  std::sort(due.begin(), due.end());
  due.erase(std::unique(due.begin(), due.end()), due.end());
  return due;
}

void Poller::read_inotify(std::vector<Tag>& due) {
  alignas(inotify_event) std::array<char, 4096> buffer;
  const ssize_t n = read(inotify_.get(), buffer.data(), buffer.size());
  for (ssize_t at = 0; at < n;) {
    inotify_event event{};
    std::memcpy(&event, buffer.data() + at, sizeof event);
    at += static_cast<ssize_t>(sizeof event + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      // Some change was not told: look at everything.
      for (const auto& [watch, tag] : watches_) due.push_back(tag);
    } else if ((event.mask & IN_IGNORED) != 0) {
      watches_.erase(event.wd);  // the file is gone
    } else if (const auto found = watches_.find(event.wd); found != watches_.end()) {
      due.push_back(found->second);
    }
  }
}

void Poller::wake() const {
  const std::uint64_t one = 1;
  (void)!write(events_.get(), &one, sizeof one);
}

}  // namespace unik::agent
