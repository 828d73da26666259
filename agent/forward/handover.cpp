// How a forwarder hands its sockets to a successor, and how it remembers its table.
//
// The successor asks (kHandover). The forwarder stops accepting, so that clients queue in the kernel, and sends its
// table with every listening socket and every client that has no backend yet (kListeners). The successor serves them,
// takes the socket's name and says so (kTaken). If it ends before that, the forwarder goes on as if nothing had been.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/forward/server.hpp"
#include "agent/forward/socket.hpp"

namespace unik::agent {
namespace {

constexpr Duration kHandoverWait = std::chrono::seconds(2);  // for one message
constexpr std::string_view kTableFile = "forward.table";

}  // namespace

Result<void> ForwardServer::take_over(Channel predecessor, Time now) {
  if (Result<void> asked = predecessor.send_now({.kind = ForwardKind::kHandover}, {}, kHandoverWait); !asked)
    return asked;
  std::vector<std::pair<std::string, Fd>> connections;
  ForwardMessage part;
  do {
    Result<ForwardMessage> got = predecessor.await(kHandoverWait);
    if (!got) return std::move(got).error();
    part = std::move(*got);
    if (part.kind != ForwardKind::kListeners)
      return internal("bad_handover", "the forwarder that runs did not hand over");
    for (const std::string& key : part.listeners) {
      const auto route = std::find_if(part.table.routes.begin(), part.table.routes.end(),
                                      [&](const ForwardRoute& each) { return each.key == key; });
      Fd fd = predecessor.take_descriptor();
      if (fd && route != part.table.routes.end())
        listeners_.adopt(key, part.table.bind_address, route->host_port, std::move(fd));
    }
    for (const std::string& key : part.connections)
      if (Fd fd = predecessor.take_descriptor()) connections.emplace_back(key, std::move(fd));
  } while (!part.last);

  apply(part.table, now);
  for (auto& [key, fd] : connections) relay_.add(key, std::move(fd), now);
  if (Result<void> listening = listen(); !listening) return listening;
  return predecessor.send_now({.kind = ForwardKind::kTaken}, {}, kHandoverWait);
}

void ForwardServer::hand_over(Peer& peer, Time now) {
  if (retired_ || successor_ != nullptr) return drop(peer, now);
  successor_ = &peer;
  unwatch_acceptors();

  struct Item {
    std::string key;
    int fd;
    bool listener;
  };
  std::vector<Item> items;
  for (const auto& [key, listener] : listeners_.all()) items.push_back({key, listener.fd.get(), true});
  for (Relay::Waiting& waiting : relay_.offer_waiting())
    items.push_back({std::move(waiting.key), waiting.client, false});

  ForwardMessage message{.kind = ForwardKind::kListeners};
  message.table = table_with_ports();
  for (std::size_t at = 0; at == 0 || at < items.size(); at += kDescriptorsPerMessage) {
    message.listeners.clear();
    message.connections.clear();
    std::vector<int> descriptors;
    for (std::size_t i = at; i < std::min(items.size(), at + kDescriptorsPerMessage); ++i) {
      (items[i].listener ? message.listeners : message.connections).push_back(items[i].key);
      descriptors.push_back(items[i].fd);
    }
    message.last = at + kDescriptorsPerMessage >= items.size();
    if (!peer.channel.send_now(message, descriptors, kHandoverWait)) return drop(peer, now);
  }
}

void ForwardServer::handover_taken(Time now) {
  successor_ = nullptr;
  retired_ = true;
  relay_.offer_taken();
  table_.routes.clear();
  listeners_.apply({});
  listen_again_at_.reset();
  control_->fd.reset();                                // the name belongs to the successor by now
  while (!peers_.empty()) drop(*peers_.front(), now);  // they find it there
}

void ForwardServer::handover_failed(Time now) {
  successor_ = nullptr;
  relay_.offer_failed(now);
}

ForwardTable ForwardServer::table_with_ports() const {
  ForwardTable table = table_;
  for (ForwardRoute& route : table.routes)
    if (const auto found = listeners_.all().find(route.key); found != listeners_.all().end())
      route.host_port = found->second.host_port;
  return table;
}

// Not synced: after a power failure there is no VM to forward to, and a torn file reads as an empty table.
void ForwardServer::keep_table() const {
  ForwardMessage message{.kind = ForwardKind::kTable};
  message.table = table_with_ports();
  const std::filesystem::path path = std::filesystem::path(options_.directory) / kTableFile;
  const std::string fresh = path.string() + ".new";
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << encode_forward_message(message);
    if (!file.flush()) return;
  }
  ::rename(fresh.c_str(), path.c_str());
}

void ForwardServer::restore(Time now) {
  std::ifstream file(std::filesystem::path(options_.directory) / kTableFile, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Result<ForwardMessage> message = parse_forward_message(text);
  if (message && message->kind == ForwardKind::kTable) apply(message->table, now);
}

}  // namespace unik::agent
