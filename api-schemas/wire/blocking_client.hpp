// `fetch` (http_client.hpp), one request after another over connections that are kept: for many requests to one
// server. Errors are those of `fetch`. One thread at a time.
#pragma once

#include "wire/http_client.hpp"

namespace unik::wire {

class BlockingClient {
 public:
  BlockingClient();
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  Result<ClientResponse> fetch(const ClientRequest& request);

 private:
  void* multi_;  // CURLM, which libcurl declares as void
};

}  // namespace unik::wire
