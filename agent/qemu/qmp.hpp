// QMP, QEMU's control protocol, as far as we speak it: one JSON object a line, both ways.
//
// `parse_qmp_line` is pure and takes what a compromised QEMU may send. QmpSession turns bytes into messages, bounded;
// it owns no socket: the hypervisor's thread feeds it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/result.hpp"

namespace unik::agent {

inline constexpr std::size_t kMaxQmpLine = 4 * 1024 * 1024;  // a table of some ten thousand connections

struct QmpGreeting {
  std::string version;  // `7.2.22`; empty when it could not be read

  bool operator==(const QmpGreeting&) const = default;
};
struct QmpReturn {
  std::string id;      // of the command; empty when it had none
  std::string status;  // of a query-status: `running`, `internal-error`; else empty
  std::string text;    // of a human-monitor-command

  bool operator==(const QmpReturn&) const = default;
};
struct QmpFailure {
  std::string id;
  std::string description;

  bool operator==(const QmpFailure&) const = default;
};
struct QmpEvent {
  std::string name;       // `SHUTDOWN`, `STOP`, `GUEST_PANICKED`
  std::string reason;     // of a SHUTDOWN: `guest-shutdown`, `guest-reset`, `host-qmp-quit`
  bool by_guest = false;  // of a SHUTDOWN

  bool operator==(const QmpEvent&) const = default;
};
using QmpMessage = std::variant<QmpGreeting, QmpReturn, QmpFailure, QmpEvent>;

// Errors: `invalid`/`bad_qmp`.
Result<QmpMessage> parse_qmp_line(std::string_view line);

// `{"execute": NAME, "id": ID}` and a line feed. Both are our own words, never foreign text.
std::string qmp_command(std::string_view name, std::string_view id);
// The same for a line that a person would type into QEMU's monitor.
std::string qmp_monitor_command(std::string_view line, std::string_view id);

class QmpSession {
 public:
  // The messages that are whole after `bytes`. After an error the session is of no use: `invalid`/`bad_qmp`, also for a
  // line beyond kMaxQmpLine.
  Result<std::vector<QmpMessage>> feed(std::string_view bytes);

 private:
  std::string line_;
};

}  // namespace unik::agent
