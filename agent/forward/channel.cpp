#include "agent/forward/channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/forward/socket.hpp"

namespace unik::agent {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kChannelReadBytes = 64 << 10;

Error gone(const std::string& what) {
  return unavailable("no_forwarder", "the forwarder's socket: " + what);
}

std::string framed(const ForwardMessage& message) {
  const std::string json = encode_forward_message(message);
  std::string frame(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i) frame[i] = static_cast<char>(json.size() >> (8 * i));
  return frame + json;
}

// One sendmsg, with the descriptors beside its first byte; -1 with errno as ever.
ssize_t send_some(int fd, std::string_view bytes, std::span<const int> descriptors) {
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))> control{};
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  return ::sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

using Clock = std::chrono::steady_clock;

// False when `until` has passed first.
bool wait_for(int fd, short events, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd item{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&item, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// An address below `directory`, whose own path may be too long for one: it is reached through an open descriptor.
struct SocketFile {
  Fd directory;
  sockaddr_un address{};
};

Result<SocketFile> socket_file(const std::string& directory, const std::string& name) {
  SocketFile file;
  file.directory = Fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!file.directory) return gone(directory + ": " + describe_errno(errno));
  file.address.sun_family = AF_UNIX;
  const int length = std::snprintf(file.address.sun_path, sizeof file.address.sun_path, "/proc/self/fd/%d/%s",
                                   file.directory.get(), name.c_str());
  if (length >= static_cast<int>(sizeof file.address.sun_path)) return gone("the name `" + name + "` is too long");
  return file;
}

}  // namespace

bool Channel::send(const ForwardMessage& message) {
  out_ += framed(message);
  return flush() && out_.size() <= 2 * kMaxMessageBytes;
}

bool Channel::flush() {
  while (!out_.empty()) {
    const ssize_t sent = send_some(socket_.get(), out_, {});
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

bool Channel::fill() {
  while (true) {
    if (in_.size() > kMaxMessageBytes + kLengthBytes) return true;  // next() refuses or takes it first
    const std::size_t before = in_.size();
    in_.resize(before + kChannelReadBytes);
    iovec part{.iov_base = in_.data() + before, .iov_len = kChannelReadBytes};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const int error = errno;
    in_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return error == EAGAIN || error == EINTR;
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
      if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
      for (std::size_t at = 0; at + sizeof(int) <= item->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(item) + at, sizeof fd);
        descriptors_.emplace_back(fd);
      }
    }
    if (got == 0) return false;
  }
}

bool Channel::next(Result<ForwardMessage>& message) {
  if (in_.size() < kLengthBytes) return false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(in_[i])) << (8 * i);
  if (length > kMaxMessageBytes) {
    message =
        gone("a message of " + std::to_string(length) + " bytes, want at most " + std::to_string(kMaxMessageBytes));
    return true;
  }
  if (in_.size() < kLengthBytes + length) return false;
  message = parse_forward_message(std::string_view(in_).substr(kLengthBytes, length));
  in_.erase(0, kLengthBytes + length);
  return true;
}

Fd Channel::take_descriptor() {
  if (descriptors_.empty()) return {};
  Fd fd = std::move(descriptors_.front());
  descriptors_.pop_front();
  return fd;
}

Result<void> Channel::send_now(const ForwardMessage& message, std::span<const int> descriptors, Duration within) {
  const auto until = Clock::now() + within;
  UNIK_CHECK(descriptors.size() <= kDescriptorsPerMessage, "too many descriptors for one message");
  const std::string frame = out_ + framed(message);
  out_.clear();
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t sent = send_some(socket_.get(), rest, descriptors);
    if (sent > 0) {
      rest.remove_prefix(static_cast<std::size_t>(sent));
      descriptors = {};
    } else if (errno != EINTR && errno != EAGAIN && errno != ETOOMANYREFS) {
      return gone(describe_errno(errno));
    } else if (!wait_for(socket_.get(), POLLOUT, until)) {
      return gone("it does not read");
    }
  }
  return {};
}

Result<ForwardMessage> Channel::await(Duration within) {
  const auto until = Clock::now() + within;
  Result<ForwardMessage> message = gone("closed");
  while (!next(message)) {
    if (!wait_for(socket_.get(), POLLIN, until)) return gone("no answer within " + format_duration(within));
    if (!fill() && !next(message)) return gone("closed by the other side");
  }
  return message;
}

Result<Channel> connect_channel(const std::string& directory, const std::string& name) {
  Result<SocketFile> file = socket_file(directory, name);
  if (!file) return std::move(file).error();
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return gone(describe_errno(errno));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&file->address), sizeof file->address) != 0)
    return gone(describe_errno(errno));
  return Channel(std::move(fd));
}

Result<Fd> listen_channel(const std::string& directory, const std::string& name) {
  const std::string fresh = name + '.' + std::to_string(::getpid());
  Result<SocketFile> file = socket_file(directory, fresh);
  if (!file) return std::move(file).error();
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return gone(describe_errno(errno));
  ::unlinkat(file->directory.get(), fresh.c_str(), 0);
  constexpr int kChannelBacklog = 16;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&file->address), sizeof file->address) != 0 ||
      ::fchmodat(file->directory.get(), fresh.c_str(), 0600, 0) != 0 || ::listen(fd.get(), kChannelBacklog) != 0 ||
      ::renameat(file->directory.get(), fresh.c_str(), file->directory.get(), name.c_str()) != 0)
    return gone(directory + '/' + name + ": " + describe_errno(errno));
  return fd;
}

}  // namespace unik::agent
