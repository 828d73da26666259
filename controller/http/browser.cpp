#include "controller/http/browser.hpp"

namespace unik::controller {
namespace {

bool is_loopback_name(const std::string& host) {
  const Result<wire::Endpoint> endpoint = wire::parse_endpoint("http://" + host);
  return endpoint.ok() && wire::is_loopback(*endpoint);
}

Error forbidden(std::string reason, std::string message) {
  return Error{ErrorCode::kForbidden, std::move(reason), std::move(message), {}, ""};
}

}  // namespace

Result<void> check_browser(const wire::HttpRequest& request) {
  if (const std::string origin(request.headers.get("Origin")); !origin.empty())
    return forbidden("cross_origin", "want a request without Origin, got one of " + origin +
                                         ": this API has no credentials yet, so no page may use it");
  const bool over_tcp = !request.peer.uid;
  const std::string host(request.headers.get("Host"));
  // HTTP/1.0 needs none, and no browser leaves it out.
  if (over_tcp && !host.empty() && !is_loopback_name(host))
    return forbidden("foreign_host", "want 127.0.0.1, [::1] or localhost as Host, got " + host +
                                         ": this API is for this machine alone");
  return {};
}

}  // namespace unik::controller
