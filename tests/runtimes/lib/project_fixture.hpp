// What the tests of packs share: a source in files, and a look at what a pack makes of it with tools that are only
// named.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/lib/packs/packs.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {

using SourceFiles = std::vector<std::pair<std::string, std::string>>;

class ProjectTest : public LibTest {
 protected:
  fs::path write_source(const SourceFiles& files) {
    const fs::path source = dir_ / "source";
    fs::remove_all(source);
    fs::create_directories(source);
    for (const auto& [path, text] : files) write_file(source / path, text);
    return source;
  }

  struct Look {
    std::string pack;  // that was chosen, or the reason why none was
    std::string rule;
    Result<BuildPlan> plan = BuildPlan{};
    std::string message;  // of the error, whichever it was
  };
  // The tools of the chosen pack are found at /tools.
  Look look_at(const SourceFiles& files, BuildMode mode = BuildMode::kRelease, codec::UnikYaml recipe = {}) {
    const fs::path directory = write_source(files);
    Look look;
    auto source = SourceTree::read(directory);
    if (!source) return {source.error().reason, "", source.error(), source.error().message};
    auto choice = choose_pack(all_packs(), *source, recipe);
    if (!choice) return {choice.error().reason, "", choice.error(), choice.error().message};
    const Pack& pack = *choice->chosen().pack;
    PackContext context{*source, recipe, mode, {{"python", "3.11"}, {"java", "17"}}, {"/work", "/app-dir", "/cache"},
                        {}};
    if (const Result<void> checked = pack.check == nullptr ? Result<void>() : pack.check(context); !checked)
      return {std::string(pack.name), choice->rule, checked.error(), checked.error().message};
    for (const ToolNeed& need : pack.tools(context))
      context.tools.emplace(need.name, Tool{need.name, "/tools/" + need.programs.front(), need.name + " 1"});
    look = {std::string(pack.name), choice->rule, pack.plan(context), ""};
    if (!look.plan) look.message = look.plan.error().message;
    return look;
  }
  std::string refusal(const SourceFiles& files, BuildMode mode = BuildMode::kRelease, codec::UnikYaml recipe = {}) {
    const Look look = look_at(files, mode, std::move(recipe));
    return look.plan ? "" : look.plan.error().reason;
  }
  // One line a step: `TITLE: ENV… ARGS…`.
  static std::string commands(const Look& look) {
    if (!look.plan) return "<" + look.message + ">";
    std::string text;
    for (const BuildStep& step : look.plan->steps) {
      text += step.title + ":";
      for (const auto& [name, value] : step.environment) text += " " + name + "=" + value;
      for (const std::string& word : step.args) text += " " + word;
      text += "\n";
    }
    return text;
  }
};

}  // namespace unik::runtimes
