#include "cli/output/rollout.hpp"

#include <algorithm>

#include "cli/output/colour.hpp"
#include "cli/output/views.hpp"

namespace unik::cli {
namespace {

Colour colour_of_phase(const std::string& phase) {
  if (phase == "done") return Colour::kGreen;
  return phase == "progressing" ? Colour::kYellow : Colour::kRed;
}

Colour colour_of_outcome(const std::string& outcome) {
  if (outcome == "good") return Colour::kGreen;
  return outcome == "failed" ? Colour::kRed : Colour::kNone;
}

}  // namespace

std::string render_rollout(const RolloutView& view, bool colour) {
  std::string text =
      paint("app/" + view.app, Colour::kBold, colour) + ": " + paint(view.phase, colour_of_phase(view.phase), colour) +
      ", rollout " + std::to_string(view.rollout) + " (" + view.strategy + "): " + std::to_string(view.updated) +
      " of " + std::to_string(view.desired) + " updated, " + std::to_string(view.old) + " of older templates left\n";
  if (!view.reason.empty()) text += "  " + printable(view.reason) + ": " + printable(view.message) + "\n";
  for (const std::string& hold : view.holds) text += "  " + printable(hold) + "\n";
  return text;
}

Table history_table(const RolloutView& view, WallTime now) {
  Table table{{"ROLLOUT", "OUTCOME", "INSTANCES", "GENERATION", "AGE", "IMAGE", "NOTE"}, {}};
  for (const TemplateView& one : view.history) {
    const bool current = one.rollout == view.rollout;
    table.rows.push_back({std::to_string(one.rollout) + (current ? " *" : ""),
                          Cell(one.outcome, colour_of_outcome(one.outcome)), std::to_string(one.instances),
                          std::to_string(one.generation),
                          format_age(std::chrono::duration_cast<Duration>(now - one.at)), short_image(one.image),
                          (one.automatic ? "automatic: " : "") + one.message});
  }
  return table;
}

std::string render_foreseen(const ApplyReply& reply, bool colour) {
  const std::vector<PlacementView>& placements = reply.placements;
  const bool several = std::ranges::any_of(
      placements, [&](const PlacementView& one) { return one.tenant != placements.front().tenant; });
  std::string text;
  for (const PlacementView& one : placements) {
    text += "  " + (several ? one.tenant + "/" : "") + one.instance;
    if (one.node.empty())
      text += paint(" stays pending", Colour::kYellow, colour) + ": " + one.reason;
    else
      text += " -> " + one.node;
    if (!one.message.empty()) text += ": " + printable(one.message);
    text += '\n';
  }
  for (const std::string& note : reply.notes) text += "  " + printable(note) + "\n";
  return text;
}

}  // namespace unik::cli
