#include "runtimes/lib/pack/toolchain.hpp"

#include <unistd.h>

#include <algorithm>
#include <future>

#include "runtimes/lib/pack/run_program.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr Duration kProbeLimit = std::chrono::seconds(30);
constexpr std::size_t kMaxProbeOutput = 16 << 10;

std::vector<fs::path> on_path(const std::string& program, const std::map<std::string, std::string>& environment) {
  std::vector<fs::path> found;
  const auto it = environment.find("PATH");
  const std::string path = it == environment.end() ? "" : it->second;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const fs::path candidate = fs::path(path.substr(begin, end - begin)) / program;
    std::error_code error;
    if (candidate.is_absolute() && fs::is_regular_file(candidate, error) && ::access(candidate.c_str(), X_OK) == 0)
      found.push_back(candidate);
    begin = end + 1;
  }
  return found;
}

// The first line without escape sequences (ECMA-48's ESC [ … final byte): Maven colours its version in a pipe, too.
std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  for (std::size_t begin = line.find("\x1b["); begin != std::string::npos; begin = line.find("\x1b[", begin)) {
    const auto last = std::find_if(line.begin() + begin + 2, line.end(), [](char c) { return c >= '@' && c <= '~'; });
    line.erase(line.begin() + begin, last == line.end() ? last : last + 1);
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

}  // namespace

Result<Tool> find_tool(const ToolNeed& need, const std::map<std::string, std::string>& environment) {
  std::string tried;
  for (const std::string& program : need.programs) {
    for (const fs::path& candidate : on_path(program, environment)) {
      std::string output;
      ProgramRun run;
      run.args = {candidate.string()};
      run.args.insert(run.args.end(), need.version_args.begin(), need.version_args.end());
      run.environment = environment;
      run.time_limit = kProbeLimit;
      run.output = [&](std::string_view text) { output += text.substr(0, kMaxProbeOutput - output.size()); };
      const auto code = run_program(run);
      const std::string version = first_line(output);
      if (code && *code == 0 && version.starts_with(need.version_prefix)) return Tool{need.name, candidate, version};
      tried += "; " + candidate.string() + " says `" + (code ? version : code.error().message) + "`";
    }
  }
  std::string names;
  for (const std::string& program : need.programs) names += (names.empty() ? "" : " or ") + program;
  return not_found("no_toolchain", "want " + (need.version_prefix.empty() ? "" : "`" + need.version_prefix + "…` of ") +
                                       names + " on PATH, found none" + (tried.empty() ? "" : " that fits") + tried +
                                       "; install it: " + need.mend);
}

Result<Tools> find_tools(const std::vector<ToolNeed>& needs, const std::map<std::string, std::string>& environment) {
  // Some take a fifth of a second to say their version, so they are asked at once.
  std::vector<std::future<Result<Tool>>> asked;
  for (const ToolNeed& need : needs)
    asked.push_back(std::async(std::launch::async, [&] { return find_tool(need, environment); }));
  std::vector<Result<Tool>> answers;
  for (auto& answer : asked) answers.push_back(answer.get());
  Tools tools;
  for (Result<Tool>& answer : answers) {
    if (!answer) return std::move(answer).error();
    const std::string name = answer->name;
    tools.emplace(name, *std::move(answer));
  }
  return tools;
}

}  // namespace unik::runtimes
