// Who reads which consoles, and which node has still to be asked for one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/ports.hpp"

namespace unik::controller {

inline constexpr std::size_t kMaxLogSessions = 1000;

// A node that has not begun its push by then is not waited for.
inline constexpr Duration kLogPatience = std::chrono::seconds(15);

class LogSessions {
 public:
  // Names the nodes that should be told in `wake`.
  void open(const World& world, const LogsAsked& event, Time now, std::set<Symbol>& wake, Effects& effects);
  void close(std::uint64_t session);
  void push_began(const std::string& stream_id);
  void push_ended(const std::string& stream_id) { streams_.erase(stream_id); }

  // Finds new instances for the sessions that follow `apps`, and ends those whose app or instance has gone.
  void look_again(const World& world, const std::set<AppName>& apps, Time now, std::set<Symbol>& wake,
                  Effects& effects);
  // Gives up consoles that have not begun to arrive; one that is followed may come later, and its reader is told so
  // once.
  void pass_time(Time now, Effects& effects);

  // What `node` has yet to begin; the same again until it has.
  std::vector<LogRequest> requests_for(Symbol node) const;
  std::optional<Time> next_deadline() const;

 private:
  struct Session {
    AppName app;
    std::optional<InstanceId> only;  // absent: every instance of the app
    LogQuery query;
    std::set<InstanceId> asked;
    std::uint32_t streams = 0;
    bool ended = false;  // nothing more will come than what its streams bring
  };
  static bool is_gone(const World& world, const Session& session);
  struct Stream {
    std::uint64_t session = 0;
    Symbol node;
    LogRequest request;
    bool began = false;
    bool followed = false;  // waited for while its instance is there, however long its node says nothing
    std::optional<Time> give_up;
  };

  void ask(const World& world, std::uint64_t id, Session& session, const InstanceId& instance, LogQuery query, Time now,
           std::set<Symbol>& wake, Effects& effects);
  void ask_for_new(const World& world, std::uint64_t id, Session& session, bool follow_up, Time now,
                   std::set<Symbol>& wake, Effects& effects);

  std::map<std::uint64_t, Session> sessions_;
  std::map<std::string, Stream> streams_;
};

}  // namespace unik::controller
