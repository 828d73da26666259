#include "api/runtime_name.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace unik {
namespace {

TEST(RuntimeNames, AreReadInEveryForm) {
  EXPECT_EQ(*parse_runtime_name("python"), (RuntimeName{"", "python", ""}));
  EXPECT_EQ(*parse_runtime_name("python@1.2.0"), (RuntimeName{"", "python", "1.2.0"}));
  EXPECT_EQ(*parse_runtime_name("python@latest"), (RuntimeName{"", "python", ""}));
  EXPECT_EQ(*parse_runtime_name("python-3.11-ml@1.3.2"), (RuntimeName{"", "python-3.11-ml", "1.3.2"}));
  EXPECT_EQ(*parse_runtime_name("reg.example:5000/team/python@1.0.0"),
            (RuntimeName{"reg.example:5000/team", "python", "1.0.0"}));
  for (const char* text : {"python", "python@1.2.0", "reg.example:5000/team/python@1.0.0"})
    EXPECT_EQ(to_string(*parse_runtime_name(text)), text);
}

TEST(RuntimeNames, SayWhichPartIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "got none"},
      {"@1.0.0", "got none"},
      {"Python", "got `P`"},
      {"py_thon", "got `_`"},
      {"pyth\xc3\xb6n", "got `\xc3\xb6`"},
      {"py\nthon", "runtime `py\\nthon`: want lower-case letters, digits, `.` and `-`, got `\\n`"},
      {"py\x1b[1m", "got `\\x1b`"},
      {"python@1.\x1b.0", "got `\\x1b`"},
      {"3python", "letter at the beginning, got `3`"},
      {"python-", "at the end, got `-`"},
      {"python.", "at the end, got `.`"},
      {std::string(64, 'a'), "at most 63 characters, got 64"},
      {"/python", "HOST/NAMESPACE"},
      {"python@1.0", "got 2 of three parts"},
      {"python@", "got 1 of three parts"},
      {"python@1.0.0.0", "got `0.0`"},
      {"python@v1.0.0", "got `v1`"},
      {"python@1.02.0", "got `02`"},
      {"python@1.0.0-rc1", "got `0-rc1`"},
      {"python@1.0.4294967296", "got `4294967296`"},
  };
  for (const auto& [text, part] : cases) {
    const auto name = parse_runtime_name(text);
    ASSERT_FALSE(name.ok()) << text;
    EXPECT_NE(name.error().message.find(part), std::string::npos) << text << ": " << name.error().message;
  }
}

TEST(RuntimeNames, OrderVersionsByNumber) {
  EXPECT_LT(*parse_runtime_version("1.9.9"), *parse_runtime_version("1.10.0"));
  EXPECT_LT(*parse_runtime_version("9.0.0"), *parse_runtime_version("10.0.0"));
  EXPECT_EQ(to_string(*parse_runtime_version("0.10.2")), "0.10.2");
}

}  // namespace
}  // namespace unik
