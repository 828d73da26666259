// What a verb works with: the environment, the terminal, and the control plane that the flags name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/api.hpp"
#include "cli/context.hpp"
#include "cli/environment.hpp"

namespace unik::cli {

class Session {
 public:
  Session(Environment environment, Terminal terminal, TargetFlags flags, std::vector<std::string> guest_args)
      : environment_(std::move(environment)),
        terminal_(terminal),
        flags_(std::move(flags)),
        guest_args_(std::move(guest_args)) {}

  const Environment& environment() const { return environment_; }
  const Terminal& terminal() const { return terminal_; }
  const std::vector<std::string>& guest_args() const { return guest_args_; }  // what followed `--`

  // Who would be spoken to; nothing is contacted.
  Result<Api> find_api() const;

  // The same, and the local control plane is started if that is the one and it does not run. By `deadline` there is an
  // answer, to this and to all that is asked of the Api.
  Result<Api> connect(std::optional<Time> deadline = {}) const;

  void out(std::string_view text) const;  // results, written at once
  bool can_write() const;                 // false: stdout took not all of it; a verb that streams ends, `run` says why
  void say(std::string_view text) const;  // a line of progress on stderr
  void warn(std::string_view text) const;

 private:
  Environment environment_;
  Terminal terminal_;
  TargetFlags flags_;
  std::vector<std::string> guest_args_;
};

// What a verb returns: the exit code, or the Error that decides it.
using Verb = std::function<Result<int>(const Session&)>;

}  // namespace unik::cli
