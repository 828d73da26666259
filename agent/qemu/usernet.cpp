#include "agent/qemu/usernet.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "agent/qemu/guest_config.hpp"

namespace unik::agent {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;
       at = line.find_first_not_of(kBlank, at)) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace

// `TCP[STATE] FD SOURCE PORT DESTINATION PORT …`; what the guest was asked for has the guest as its destination.
bool guest_accepted(std::string_view usernet, std::uint16_t guest_port) {
  const std::string port = std::to_string(guest_port);
  while (!usernet.empty()) {
    const std::size_t end = std::min(usernet.find('\n'), usernet.size());
    const std::vector<std::string_view> words = words_of(usernet.substr(0, end));
    usernet.remove_prefix(std::min(end + 1, usernet.size()));
    if (words.size() >= 6 && words[0] == "TCP[ESTABLISHED]" && words[4] == guest_address() && words[5] == port)
      return true;
  }
  return false;
}

}  // namespace unik::agent
