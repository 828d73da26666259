// What a guest's init said of its life (api/guest.h, life records), read from bytes that the guest controls.
//
// Pure and bounded: any bytes may come, in any pieces; what is no record is ignored, and at most one line is held.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api/instance.hpp"

namespace unik::agent {

struct GuestRecords {
  bool booted = false;       // init runs
  bool started = false;      // the app's program was executed
  std::string not_started;   // why the program could not be executed; printable
  std::string init_error;    // why init gave up before it; printable
  std::optional<Exit> exit;  // the first last record counts

  bool operator==(const GuestRecords&) const = default;
};

class GuestRecordParser {
 public:
  // Says whether anything changed.
  bool feed(std::string_view bytes);

  const GuestRecords& records() const { return records_; }

 private:
  void take_line(std::string_view line);

  GuestRecords records_;
  std::string line_;       // not ended yet
  bool too_long_ = false;  // skip to the next line
};

}  // namespace unik::agent
