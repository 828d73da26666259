#include "api/error.hpp"

#include <gtest/gtest.h>

#include "api/result.hpp"
#include "api/stable_hash.hpp"

namespace unik {
namespace {

TEST(ErrorCodes, MeanTheSameEverywhere) {
  struct Row {
    ErrorCode code;
    std::string_view name;
    int http_status;
    int exit_code;
    bool retryable;
  };
  const Row rows[] = {
      {ErrorCode::kInvalid, "invalid", 400, 2, false},        {ErrorCode::kNotFound, "not_found", 404, 3, false},
      {ErrorCode::kConflict, "conflict", 409, 4, false},      {ErrorCode::kUnauthorized, "unauthorized", 401, 5, false},
      {ErrorCode::kForbidden, "forbidden", 403, 5, false},    {ErrorCode::kExhausted, "exhausted", 429, 6, true},
      {ErrorCode::kUnavailable, "unavailable", 503, 7, true}, {ErrorCode::kInternal, "internal", 500, 8, false},
      {ErrorCode::kTimeout, "timeout", 504, 9, true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(traits(row.code).name, row.name);
    EXPECT_EQ(traits(row.code).http_status, row.http_status) << row.name;
    EXPECT_EQ(traits(row.code).exit_code, row.exit_code) << row.name;
    EXPECT_EQ(traits(row.code).retryable, row.retryable) << row.name;
    EXPECT_EQ(parse_error_code(row.name), row.code);
  }
  EXPECT_EQ(parse_error_code("Invalid"), std::nullopt);
  EXPECT_EQ(parse_error_code(""), std::nullopt);
}

TEST(FaultText, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(to_string(Fault{"apps/web.yaml", 12, 7, "spec.replicas", "want 0 to 1000, got -1"}),
            "apps/web.yaml:12:7: spec.replicas: want 0 to 1000, got -1");
  EXPECT_EQ(to_string(Fault{"", 0, 0, "spec.replicas", "want less"}), "spec.replicas: want less");
  EXPECT_EQ(to_string(Fault{"a.yaml", 0, 0, "", "is empty"}), "a.yaml: is empty");
  EXPECT_EQ(to_string(Fault{}), "");
}

TEST(ErrorText, IsOneLineAndOneForEachDetail) {
  Error error = conflict("stale_generation", "want generation 4, got 3: read it again");
  EXPECT_EQ(to_string(error), "conflict: want generation 4, got 3: read it again");
  error.trace_id = "abc";
  error.details = {{"a.yaml", 1, 2, "kind", "is missing"}};
  EXPECT_EQ(to_string(error),
            "conflict: want generation 4, got 3: read it again (trace abc)\n  a.yaml:1:2: kind: is missing");
}

TEST(ResultSides, HoldAValueOrAnError) {
  const Result<int> good = 3;
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 3);
  const Result<int> bad = not_found("no_such_app", "want one");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kNotFound);
  EXPECT_DEATH((void)bad.value(), "the value of a failed Result");
  EXPECT_DEATH((void)good.error(), "the error of a Result that holds a value");
  EXPECT_TRUE(Result<void>().ok());
  EXPECT_FALSE(Result<void>(timed_out("slow", "want more time")).ok());
}

// Digests of reports are compared between processes and releases: the function must never change.
TEST(StableHash, IsPinned) {
  EXPECT_EQ(stable_hash(""), 0xfdbdf6ac4fc52e7fULL);
  EXPECT_EQ(stable_hash("web"), 0x31782d0838c11730ULL);
  EXPECT_NE(stable_hash("web"), stable_hash("wec"));
}

}  // namespace
}  // namespace unik
