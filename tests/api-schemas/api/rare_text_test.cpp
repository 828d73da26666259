#include "api/rare_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace unik {
namespace {

TEST(RareText, IsTheStringThatItWasGiven) {
  EXPECT_TRUE(rc::check([](const std::string& a, const std::string& b) {
    const RareText text(a);
    RareText other(b);
    RC_ASSERT(text == std::string_view(a));
    RC_ASSERT(text.empty() == a.empty());
    RC_ASSERT((text == other) == (a == b));
    RC_ASSERT(b + text == b + a);
    RC_ASSERT(text + b == a + b);
    other = text;
    RC_ASSERT(other == text);
    other = b;
    RC_ASSERT(other.str() == b);
    RC_ASSERT(text.str() == a);
  }));
}

}  // namespace
}  // namespace unik
