// unikctl: the command line of the control plane.
#include <string>
#include <vector>

#include "cli/program.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const unik::cli::Environment environment = unik::cli::read_environment();
  return unik::cli::run(args, environment, unik::cli::read_terminal(environment));
}
