// What QEMU's user-mode network says of its connections (`info usernet`). Pure: the text may be anything.
//
// That network accepts a connection before it has asked the guest, so that a client sees a port as open while nothing
// listens there yet, or ever. Only this table tells.
#pragma once

#include <cstdint>
#include <string_view>

namespace unik::agent {

// Whether the guest itself has taken up a connection to its port, of whoever.
bool guest_accepted(std::string_view usernet, std::uint16_t guest_port);

}  // namespace unik::agent
