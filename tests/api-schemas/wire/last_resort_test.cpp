#include "wire/last_resort.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace unik::wire {
namespace {

TEST(LastResort, AnExceptionIsOneLineAndItsCode) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(with_last_resort([]() -> int { throw std::runtime_error("basic_filebuf: Is a directory"); }), 8);
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(told.starts_with("error: internal: ")) << told;
  EXPECT_NE(told.find("Is a directory"), std::string::npos) << told;
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
  EXPECT_EQ(with_last_resort([] { return 3; }), 3);
}

}  // namespace
}  // namespace unik::wire
