// What the process was given: variables, working directory, its own place and its terminal. Read once in `main`; every
// function that depends on one of them takes it as an argument, so that tests need no process of their own.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

#include "api/time.hpp"

namespace unik::cli {

struct Environment {
  std::map<std::string, std::string> variables;
  std::filesystem::path working_dir;
  std::filesystem::path program_dir;  // where unikctl lies, and unik-controller and unik-agent beside it

  // Empty where it is not set.
  std::string get(std::string_view name) const;
};

// $UNIKCTL_HOME, else $XDG_DATA_HOME/unikctl, else ~/.local/share/unikctl; absolute.
std::filesystem::path home_of(const Environment& environment);

// Where results and progress go. `colour_…` and `live` are false for a file, a pipe, TERM=dumb and with NO_COLOR.
struct Terminal {
  std::ostream* out = nullptr;  // results
  std::ostream* err = nullptr;  // progress, warnings and errors
  std::istream* in = nullptr;
  bool colour_out = false;
  bool colour_err = false;
  bool live_out = false;  // stdout may be drawn over
  bool live_err = false;
  std::size_t width = 80;
  std::size_t height = 24;
};

// Of this process.
Environment read_environment();
Terminal read_terminal(const Environment& environment);

}  // namespace unik::cli
