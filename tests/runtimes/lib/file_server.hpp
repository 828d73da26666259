// A small server of files for the tests of installing runtimes: ETags, ranges, and the ways in which a real one fails.
#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtimes/lib/oci/digest.hpp"
#include "wire/http_server.hpp"

namespace unik::runtimes {

class FileServer {
 public:
  FileServer() { start(0); }

  void put(const std::string& path, const std::string& text) {
    const std::lock_guard lock(mutex_);
    files_[path] = text;
  }
  // The next answers break off after so many bytes of the body, one after the other.
  void cut(std::vector<std::size_t> after) {
    const std::lock_guard lock(mutex_);
    cuts_ = std::move(after);
  }
  // Each cut waits until the client has so much of the file: what only the sockets hold is lost with a connection.
  void cut_when(std::function<bool(std::size_t bytes)> has) {
    const std::lock_guard lock(mutex_);
    has_ = std::move(has);
  }
  void ignore_ranges() {
    const std::lock_guard lock(mutex_);
    ranges_ = false;
  }
  void go_away() { server_.reset(); }
  // Each answer from now on has this status and nothing else.
  void fail_with(int status) {
    const std::lock_guard lock(mutex_);
    failure_ = status;
  }

  // `METHOD PATH STATUS`, with the range that was asked for.
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void start(std::uint16_t port) {
    wire::ServerOptions options;
    wire::Endpoint endpoint;
    endpoint.host = "127.0.0.1";
    endpoint.port = port;
    options.listen = {{endpoint, false}};
    auto server = wire::HttpServer::start(
        options, [this](wire::HttpRequest request, wire::Responder responder) { handle(request, responder); });
    ASSERT_TRUE(server.ok());
    server_.emplace(*std::move(server));
    port_ = server_->endpoints().front().port;
  }

  void handle(const wire::HttpRequest& request, const wire::Responder& responder) {
    const std::lock_guard lock(mutex_);
    const auto file = files_.find(request.path);
    std::size_t from = 0;
    wire::HttpResponse response;
    response.content_type = "application/octet-stream";
    const std::string range(request.headers.get("Range"));
    if (failure_ != 0) {
      response.status = failure_;
    } else if (file == files_.end()) {
      response.status = 404;
    } else {
      const std::string etag = "\"" + to_hex(sha256(file->second)) + "\"";
      response.headers.add("ETag", etag);
      response.body = file->second;
      if (request.headers.get("If-None-Match") == etag) {
        response.status = 304;
        response.body.clear();
      } else if (ranges_ && range.starts_with("bytes=")) {
        std::from_chars(range.data() + 6, range.data() + range.size(), from);
        response.status = from < response.body.size() ? 206 : 416;
        response.body = from < response.body.size() ? response.body.substr(from) : "";
      }
    }
    seen_.push_back(request.method + " " + request.path + " " + std::to_string(response.status) +
                    (range.empty() ? "" : " " + range));
    if (response.status / 100 != 2 || cuts_.empty()) return responder.send(response);
    const std::size_t after = cuts_.front();
    cuts_.erase(cuts_.begin());
    const wire::Stream stream = responder.start_stream(response.status, {{"Content-Type", "text/plain"}});
    stream.write(response.body.substr(0, after));
    const std::lock_guard cutting(cutters_mutex_);
    // Dropping the unfinished stream cuts the connection, and with it what the kernel has not taken yet.
    cutters_.emplace_back([stream, has = has_, bytes = from + after](const std::stop_token& stop) {
      while (stream.buffered() > 0 || (has && !has(bytes) && !stop.stop_requested())) std::this_thread::yield();
    });
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> seen_;
  std::vector<std::size_t> cuts_;
  std::function<bool(std::size_t)> has_;
  bool ranges_ = true;
  int failure_ = 0;
  std::uint16_t port_ = 0;
  std::mutex cutters_mutex_;
  std::vector<std::jthread> cutters_;
  std::optional<wire::HttpServer> server_;
};

}  // namespace unik::runtimes
