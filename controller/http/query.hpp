// The parameters of a request's target: `?tenant=team-a&tail=10`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/result.hpp"
#include "wire/http_server.hpp"

namespace unik::controller {

// Empty where it is not given.
std::string query_text(const wire::HttpRequest& request, const char* key);

// Whether it is given as `1`.
bool query_flag(const wire::HttpRequest& request, const char* key);

// Fails with `invalid`/`bad_query` for what is no whole number.
Result<std::optional<std::uint64_t>> query_number(const wire::HttpRequest& request, const char* key);

// `tenant`, or `default`.
std::string tenant_of(const wire::HttpRequest& request);

}  // namespace unik::controller
