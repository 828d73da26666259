#include "wire/daemon_arguments.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "api/error.hpp"

namespace unik::wire {

std::optional<int> parse_arguments(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app.exit(problem);  // it prints what was asked for
    const std::string program = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : app.get_name();
    const Error error = invalid("bad_usage", std::string(problem.what()) + "; see " + program + " --help");
    std::cerr << "error: " << to_string(error) << '\n';
    return traits(error.code).exit_code;
  }
  return std::nullopt;
}

}  // namespace unik::wire
