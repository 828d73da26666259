// The forwarder's process from inside: listeners, relay and the agent's socket on one epoll, in one thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/forward/channel.hpp"
#include "agent/forward/forward.hpp"
#include "agent/forward/listeners.hpp"
#include "agent/forward/relay.hpp"

namespace unik::agent {

inline constexpr std::size_t kForwardChannels = 16;  // agents and successors connected at once

class ForwardServer {
 public:
  explicit ForwardServer(ForwardOptions options);
  ~ForwardServer();
  ForwardServer(const ForwardServer&) = delete;
  ForwardServer& operator=(const ForwardServer&) = delete;

  // Takes over from the forwarder that runs on the directory, or takes up the table that the last one kept; then
  // listens for the agent. Waits at most a few seconds.
  Result<void> start();

  // Serves until there is nothing left to do (forward.hpp).
  void serve();

 private:
  // One published port; Listeners owns the socket.
  struct Acceptor final : Watched {
    Acceptor(ForwardServer& s, std::string k, int f) : server(s), key(std::move(k)), fd(f) {}
    void ready(std::uint32_t, Time now) override {
      if (!closed) server.accept_clients(*this, now);
    }

    ForwardServer& server;
    const std::string key;
    const int fd;
    bool closed = false;
  };
  // The unix socket.
  struct Control final : Watched {
    Control(ForwardServer& s, Fd f) : server(s), fd(std::move(f)) {}
    void ready(std::uint32_t, Time) override { server.accept_peers(); }

    ForwardServer& server;
    Fd fd;
  };
  // One connection to it: an agent or a successor.
  struct Peer final : Watched {
    Peer(ForwardServer& s, Fd f) : server(s), channel(std::move(f)) {}
    void ready(std::uint32_t events, Time now) override {
      if (!dropped) server.peer_ready(*this, events, now);
    }

    ForwardServer& server;
    Channel channel;
    bool sent_table = false;
    bool dropped = false;
  };

  // handover.cpp
  Result<void> take_over(Channel predecessor, Time now);
  void hand_over(Peer& peer, Time now);
  void handover_taken(Time now);
  void handover_failed(Time now);
  void keep_table() const;
  void restore(Time now);
  ForwardTable table_with_ports() const;

  Result<void> listen();
  void apply(const ForwardTable& table, Time now);
  bool try_listeners(Time now);  // whether anything is otherwise than before
  void tell_state(Time now);     // to all who have sent a table
  void accept_clients(Acceptor& acceptor, Time now);
  void watch_acceptors();
  void unwatch_acceptors();
  void accept_peers();
  void peer_ready(Peer& peer, std::uint32_t events, Time now);
  bool answer(Peer& peer, const ForwardMessage& message, Time now);
  void drop(Peer& peer, Time now);
  bool nothing_left() const;
  int milliseconds_to_wait(Time now) const;

  const ForwardOptions options_;
  Fd epoll_;
  Relay relay_;
  Listeners listeners_;
  ForwardTable table_;  // as the agent sent it
  TableState state_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;      // none while no client may come in
  std::vector<std::unique_ptr<Acceptor>> old_acceptors_;  // freed once no event can name them
  std::unique_ptr<Control> control_;
  std::list<std::unique_ptr<Peer>> peers_;
  std::list<std::unique_ptr<Peer>> old_peers_;
  Peer* successor_ = nullptr;  // was offered everything, has not taken it yet
  bool retired_ = false;       // it has
  bool had_peer_ = false;
  std::optional<Time> accept_again_at_;
  std::optional<Time> listen_again_at_;
};

}  // namespace unik::agent
