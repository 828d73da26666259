// What keeps a page that somebody's browser has open from using this API through that browser.
//
// There are no credentials yet, so whoever reaches a TCP address is let in. A browser on this machine reaches it for
// any page: by a form or a script of a foreign site, whose request has an `Origin`; or as a site of its own whose name
// was made to mean 127.0.0.1, whose request has that name as its `Host`.
#pragma once

#include "wire/http_server.hpp"

namespace unik::controller {

// Fails with `forbidden`: `cross_origin` for a request that has an `Origin`, `foreign_host` for one over TCP whose
// `Host` is no name of the loopback, which is all that is listened on.
Result<void> check_browser(const wire::HttpRequest& request);

}  // namespace unik::controller
