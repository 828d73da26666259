#include "controller/http/query.hpp"

#include <charconv>

#include "api/resource.hpp"

namespace unik::controller {

std::string query_text(const wire::HttpRequest& request, const char* key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::string() : found->second;
}

bool query_flag(const wire::HttpRequest& request, const char* key) {
  return query_text(request, key) == "1";
}

Result<std::optional<std::uint64_t>> query_number(const wire::HttpRequest& request, const char* key) {
  if (!request.query.contains(key)) return std::optional<std::uint64_t>();
  const std::string text = query_text(request, key);
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size())
    return invalid("bad_query", std::string("want a number as `") + key + "`, got `" + text + "`");
  return std::optional(value);
}

std::string tenant_of(const wire::HttpRequest& request) {
  const std::string tenant = query_text(request, "tenant");
  return tenant.empty() ? std::string(kDefaultTenant) : tenant;
}

}  // namespace unik::controller
