#include "cli/output/findings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/output/colour.hpp"
#include "codec/json_writer.hpp"

namespace unik::cli {

std::string_view to_string(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kWarn:
      return "warn";
    case Level::kFail:
      return "fail";
  }
  return "";
}

std::string render_finding(const Finding& finding, bool colour) {
  const std::string_view level = to_string(finding.level);
  std::string text = fmt::format("{}{} {}: {}\n", paint(level, colour_of_state(level), colour),
                                 std::string(5 - level.size(), ' '), finding.check, finding.found);
  if (!finding.mend.empty()) text += fmt::format("       -> {}\n", finding.mend);
  return text;
}

std::string json_of(const std::vector<Finding>& findings) {
  codec::JsonWriter out;
  out.begin_object().field("healthy", is_healthy(findings)).key("checks").begin_array();
  for (const Finding& finding : findings) {
    out.begin_object().field("check", finding.check).field("level", to_string(finding.level));
    out.field("found", finding.found);
    if (!finding.mend.empty()) out.field("mend", finding.mend);
    out.end_object();
  }
  return out.end_array().end_object().take();
}

bool is_healthy(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.level == Level::kFail; });
}

}  // namespace unik::cli
