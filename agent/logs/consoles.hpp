// The consoles of all instances of this node, watched by one thread that sleeps while no VM writes.
//
// Whoever starts VMs calls attach() for each instance that it finds or launches, begin_run() before each start of QEMU,
// and forget() before it removes an instance's directory.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/logs/console.hpp"
#include "agent/logs/reader.hpp"
#include "api/ids.hpp"

namespace unik::agent {

// After the first new byte the watcher waits this long for more: a guest's serial port writes byte by byte.
inline constexpr Duration kGather = std::chrono::milliseconds(20);

struct ConsolesOptions {
  std::function<WallTime()> wall_clock;  // empty: the system's
  ConsoleLimits limits;
};

class Consoles {
 public:
  static Result<std::unique_ptr<Consoles>> create(ConsolesOptions options = {});
  ~Consoles();
  Consoles(const Consoles&) = delete;
  Consoles& operator=(const Consoles&) = delete;

  // Watches `directory`/console.log, which is created if it is not there. Again for the same instance: does nothing.
  Result<void> attach(const InstanceId& id, const std::string& directory);

  // See Console::begin_run. `not_found` for an instance that is not attached.
  Result<void> begin_run(const InstanceId& id, std::uint32_t run);

  // Lets readers finish and stops watching. Files stay; their owner removes the directory.
  void forget(const InstanceId& id);

  // Everything that was written before this call is seen by the reader. `not_found`/`no_such_instance`.
  Result<ConsoleReader> read(const InstanceId& id, const LogQuery& query);

 private:
  class State;
  explicit Consoles(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
