#include "cli/environment.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <system_error>

#include "wire/user_home.hpp"

extern char** environ;

namespace unik::cli {

std::string Environment::get(std::string_view name) const {
  const auto found = variables.find(std::string(name));
  return found == variables.end() ? "" : found->second;
}

std::filesystem::path home_of(const Environment& environment) {
  std::filesystem::path home;
  if (const std::string given = environment.get("UNIKCTL_HOME"); !given.empty())
    home = given;
  else if (const std::string data = environment.get("XDG_DATA_HOME"); !data.empty())
    home = std::filesystem::path(data) / "unikctl";
  else
    home = std::filesystem::path(environment.get("HOME")) / ".local/share/unikctl";
  if (home.is_relative()) home = environment.working_dir / home;
  return home.lexically_normal();
}

Environment read_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.variables[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  environment.variables["HOME"] = wire::user_home();
  std::error_code ignored;
  environment.working_dir = std::filesystem::current_path(ignored);
  environment.program_dir = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  return environment;
}

Terminal read_terminal(const Environment& environment) {
  Terminal terminal{&std::cout, &std::cerr, &std::cin};
  const bool drawable = environment.get("TERM") != "dumb";
  const bool coloured = drawable && environment.get("NO_COLOR").empty();
  terminal.live_out = drawable && isatty(STDOUT_FILENO) == 1;
  terminal.live_err = drawable && isatty(STDERR_FILENO) == 1;
  terminal.colour_out = coloured && terminal.live_out;
  terminal.colour_err = coloured && terminal.live_err;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    terminal.width = size.ws_col;
    terminal.height = size.ws_row;
  }
  return terminal;
}

}  // namespace unik::cli
