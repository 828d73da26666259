#include "cli/output/build_explanation.hpp"

#include "cli/output/document.hpp"
#include "cli/output/table.hpp"
#include "codec/json_writer.hpp"

namespace unik::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

std::string json_of(const runtimes::BuildExplanation& explanation) {
  codec::JsonWriter out;
  out.begin_object().field("pack", std::string(explanation.choice.chosen().pack->name));
  out.field("rule", explanation.choice.rule).key("matches").begin_array();
  for (const runtimes::PackMatch& match : explanation.choice.matches) {
    out.begin_object()
        .field("pack", std::string(match.pack->name))
        .field("language", std::string(match.pack->language));
    out.field("detected_by", match.evidence.file).field("is_project", match.evidence.is_project).end_object();
  }
  out.end_array().field("runtime", explanation.runtime).key("tools").begin_object();
  for (const auto& [name, tool] : explanation.tools) out.field(name, tool.version);
  out.end_object().field("lock", explanation.plan.lock).field("deterministic", explanation.plan.deterministic);
  out.key("commands").begin_array();
  for (const runtimes::BuildStep& step : explanation.plan.steps) out.text(join(step.args));
  out.end_array();
  if (explanation.obstacle)
    out.key("obstacle")
        .begin_object()
        .field("reason", explanation.obstacle->reason)
        .field("message", explanation.obstacle->message)
        .end_object();
  return out.end_object().take();
}

std::string lines_of(const runtimes::BuildExplanation& explanation) {
  Table matches{{"PACK", "LANGUAGE", "DETECTED BY", "CHOSEN"}, {}};
  for (const runtimes::PackMatch& match : explanation.choice.matches)
    matches.rows.push_back({std::string(match.pack->name), std::string(match.pack->language), match.evidence.file,
                            std::string(matches.rows.empty() ? "yes" : "no")});
  Table facts;
  facts.rows.push_back({std::string("rule"), explanation.choice.rule});
  if (!explanation.runtime.empty()) facts.rows.push_back({std::string("runtime"), explanation.runtime});
  for (const auto& [name, tool] : explanation.tools)
    facts.rows.push_back({"tool " + name, tool.program.string() + " (" + tool.version + ")"});
  if (!explanation.plan.steps.empty())
    facts.rows.push_back(
        {std::string("lock"), explanation.plan.lock.empty() ? std::string("none needed") : explanation.plan.lock});
  for (const runtimes::BuildStep& step : explanation.plan.steps) facts.rows.push_back({step.title, join(step.args)});
  for (const std::string& warning : explanation.plan.warnings) facts.rows.push_back({std::string("warning"), warning});
  if (explanation.obstacle) facts.rows.push_back({std::string("obstacle"), explanation.obstacle->message});
  return render(matches, false) + "\n" + render(facts, false);
}

std::string in_format(const std::string& json, const std::string& lines, const std::string& name, OutputFormat format) {
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return lines;
    case OutputFormat::kName:
      return name + "\n";
    case OutputFormat::kJson:
      return pretty_json(json);
    case OutputFormat::kYaml:
      return yaml_of(json);
  }
  return "";
}

}  // namespace

std::string render_build(const runtimes::BuildExplanation& explanation, OutputFormat format) {
  return in_format(json_of(explanation), lines_of(explanation), std::string(explanation.choice.chosen().pack->name),
                   format);
}

std::string render_own_build(const codec::UnikYaml& recipe, OutputFormat format) {
  const std::string rule = "unik.yaml has build.command and artifact.path of its own";
  codec::JsonWriter out;
  out.begin_object().field("pack", "command").field("rule", rule).key("commands").begin_array();
  out.text(recipe.build_command).end_array().end_object();
  Table facts;
  facts.rows = {{std::string("rule"), rule},
                {std::string("command"), recipe.build_command},
                {std::string("artifact"), recipe.artifact_path}};
  return in_format(out.take(), render(facts, false), "command", format);
}

}  // namespace unik::cli
