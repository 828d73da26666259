// The request target, taken apart: pure, and strict where two readers could understand two things.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::wire {

struct RequestTarget {
  std::string path;
  std::map<std::string, std::string> query;

  bool operator==(const RequestTarget&) const = default;
};

// `/v1/logs/web?follow=1` or the same after `http://host`. Path and query are percent-decoded; `+` in a query is a
// space. A trailing `/` is kept. Errors: `invalid`/`bad_request` for another form, a bad or hidden `/` escape, an
// empty, `.` or
// `..` segment, a control character, a fragment, or a query key given twice.
Result<RequestTarget> parse_request_target(std::string_view target);

}  // namespace unik::wire
