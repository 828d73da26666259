// QEMU's table of connections, as version 7.2 prints it.
#include "agent/qemu/usernet.hpp"

#include <gtest/gtest.h>

#include <string>

namespace unik::agent {
namespace {

const std::string kTable =
    "Hub -1 (net):\r\n"
    "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
    "  TCP[ESTABLISHED]   21      127.66.1.9  8080       10.0.2.15  8080     0     0\r\n"
    "  TCP[SYN_SENT]      22      127.66.1.9  8081       10.0.2.15  8081     0     0\r\n"
    "  TCP[ESTABLISHED]   23       10.0.2.15 44120     192.0.2.7  5432     0     0\r\n"
    "  TCP[HOST_FORWARD]  13      127.66.1.9  8082       10.0.2.15  8082     0     0\r\n"
    "  UDP[239 sec]       14       10.0.2.15   68        10.0.2.2    67     0     0\r\n";

TEST(UsernetTest, TellsWhatTheGuestHasTakenUp) {
  EXPECT_TRUE(guest_accepted(kTable, 8080));
  EXPECT_FALSE(guest_accepted(kTable, 8081)) << "asked, and not answered yet";
  EXPECT_FALSE(guest_accepted(kTable, 8082)) << "nobody has come";
  EXPECT_FALSE(guest_accepted(kTable, 5432)) << "a connection of the guest's own";
  EXPECT_FALSE(guest_accepted(kTable, 808));
}

TEST(UsernetTest, TakesAnyText) {
  for (const char* text :
       {"", "\n\n", "TCP[ESTABLISHED]", "TCP[ESTABLISHED] 1 2 3 10.0.2.15", "unknown command: 'info'"})
    EXPECT_FALSE(guest_accepted(text, 8080)) << text;
}

}  // namespace
}  // namespace unik::agent
