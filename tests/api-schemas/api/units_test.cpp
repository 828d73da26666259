#include "api/units.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace unik {
namespace {

TEST(Bytes, ReadsWholeNumbersWithAUnit) {
  const std::pair<std::string_view, std::int64_t> cases[] = {{"0", 0},
                                                             {"1500000", 1'500'000},
                                                             {"1Ki", 1024},
                                                             {"128Mi", 128LL << 20},
                                                             {"2Gi", 2LL << 30},
                                                             {"1Ti", 1LL << 40},
                                                             {"3k", 3000},
                                                             {"3M", 3'000'000},
                                                             {"3G", 3'000'000'000},
                                                             {"3T", 3'000'000'000'000},
                                                             {"1152921504606846976", 1LL << 60}};
  for (const auto& [text, value] : cases) {
    const auto bytes = parse_bytes(text);
    ASSERT_TRUE(bytes.ok()) << text;
    EXPECT_EQ(bytes->value, value) << text;
  }
}

TEST(Bytes, RefusesWhatIsNone) {
  for (const std::string_view text : {"", "Mi", "-1", "+1", "1.5Gi", "128MB", "128mi", "128 Mi", " 1", "1 ", "0x10",
                                      "1152921504606846977", "1048577Ti", "99999999999999999999", "1KiMi"}) {
    const auto bytes = parse_bytes(text);
    ASSERT_FALSE(bytes.ok()) << text;
    EXPECT_EQ(bytes.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bytes.error().reason, "bad_quantity");
    EXPECT_NE(bytes.error().message.find("`" + std::string(text) + "`"), std::string::npos);
  }
}

TEST(Bytes, AreToldToPeopleInFewDigitsAndNeverLess) {
  EXPECT_EQ(about_bytes({0}), "0");
  EXPECT_EQ(about_bytes({1023}), "1023");
  EXPECT_EQ(about_bytes(mebibytes(128)), "128Mi");
  EXPECT_EQ(about_bytes(kibibytes(919247296)), "876.7Gi");
  EXPECT_EQ(about_bytes(kibibytes(24684096)), "23.6Gi");
  EXPECT_EQ(about_bytes({mebibytes(64).value + 1}), "64.1Mi");
}

TEST(Bytes, PrintsTheLargestUnitThatDivides) {
  EXPECT_EQ(format_bytes({0}), "0");
  EXPECT_EQ(format_bytes(mebibytes(128)), "128Mi");
  EXPECT_EQ(format_bytes(mebibytes(2048)), "2Gi");
  EXPECT_EQ(format_bytes(kibibytes(3)), "3Ki");
  EXPECT_EQ(format_bytes({1'500'000}), "1500000");
}

TEST(Bytes, ReadsBackWhatItPrints) {
  EXPECT_TRUE(rc::check([] {
    const Bytes bytes{*rc::gen::inRange<std::int64_t>(0, (std::int64_t{1} << 60) + 1)};
    RC_ASSERT(parse_bytes(format_bytes(bytes)).value() == bytes);
  }));
}

TEST(MilliCpu, ReadsCpusAndThousandths) {
  const std::pair<std::string_view, std::int64_t> cases[] = {{"0", 0},
                                                             {"500m", 500},
                                                             {"2", 2000},
                                                             {"1.5", 1500},
                                                             {"0.001", 1},
                                                             {"1.25", 1250},
                                                             {"1000000", 1'000'000'000},
                                                             {"1000000000m", 1'000'000'000}};
  for (const auto& [text, value] : cases) {
    const auto cpu = parse_milli_cpu(text);
    ASSERT_TRUE(cpu.ok()) << text;
    EXPECT_EQ(cpu->value, value) << text;
  }
}

TEST(MilliCpu, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "m", "-1", "1.", ".5", "1.2345", "1.5m", "1e3", "1,5", "1000001", "1000000001m", "1.+5", "1.-5"})
    EXPECT_FALSE(parse_milli_cpu(text).ok()) << text;
}

TEST(MilliCpu, ReadsBackWhatItPrints) {
  EXPECT_TRUE(rc::check([] {
    const MilliCpu cpu{*rc::gen::inRange<std::int64_t>(0, 1'000'000'001)};
    RC_ASSERT(parse_milli_cpu(format_milli_cpu(cpu)).value() == cpu);
  }));
}

TEST(Resources, AddUpByUnit) {
  Resources sum{MilliCpu{500}, mebibytes(1)};
  sum += {MilliCpu{250}, mebibytes(2)};
  EXPECT_EQ(sum, (Resources{MilliCpu{750}, mebibytes(3)}));
  sum -= {MilliCpu{750}, mebibytes(3)};
  EXPECT_EQ(sum, Resources{});
}

}  // namespace
}  // namespace unik
