#include "cli/output/diff.hpp"

#include <algorithm>

#include "cli/output/colour.hpp"

namespace unik::cli {
namespace {

Colour colour_of(ApplyVerb verb) {
  switch (verb) {
    case ApplyVerb::kUnchanged:
      return Colour::kDim;
    case ApplyVerb::kCreated:
      return Colour::kGreen;
    case ApplyVerb::kUpdated:
      return Colour::kYellow;
    case ApplyVerb::kDeleted:
      return Colour::kRed;
  }
  return Colour::kNone;
}

Colour colour_of(ChangeEffect effect) {
  switch (effect) {
    case ChangeEffect::kNone:
    case ChangeEffect::kInPlace:
      return Colour::kDim;
    case ChangeEffect::kRestart:
      return Colour::kYellow;
    case ChangeEffect::kReplace:
      return Colour::kRed;
  }
  return Colour::kNone;
}

char sign_of(ApplyVerb verb) {
  switch (verb) {
    case ApplyVerb::kUnchanged:
      return ' ';
    case ApplyVerb::kCreated:
      return '+';
    case ApplyVerb::kUpdated:
      return '~';
    case ApplyVerb::kDeleted:
      return '-';
  }
  return ' ';
}

std::string change_line(const FieldChange& change, ApplyVerb verb, bool colour) {
  std::string line = "    " + change.path + ": ";
  if (!change.from.empty()) line += paint(printable(change.from), Colour::kRed, colour);
  if (!change.from.empty() && !change.to.empty()) line += " -> ";
  if (!change.to.empty()) line += paint(printable(change.to), Colour::kGreen, colour);
  if (!change.from.empty() && change.to.empty()) line += " -> (removed)";
  // Of an object that comes or goes as a whole, the effect of a single field says nothing.
  if (verb == ApplyVerb::kUpdated)
    line += "   " + paint("(" + describe(change.effect) + ")", colour_of(change.effect), colour);
  return line + '\n';
}

}  // namespace

std::string describe(ChangeEffect effect) {
  switch (effect) {
    case ChangeEffect::kNone:
      return "nothing restarts";
    case ChangeEffect::kInPlace:
      return "in place";
    case ChangeEffect::kRestart:
      return "restart";
    case ChangeEffect::kReplace:
      return "replacement";
  }
  return "";
}

std::string object_name(const AppliedObject& object) {
  return std::string(names_of(object.kind).singular) + "/" + object.name;
}

std::string render_applied(const ApplyReply& reply, bool colour) {
  std::string text;
  for (const AppliedObject& object : reply.objects) {
    text += object_name(object) + " " + paint(to_string(object.verb), colour_of(object.verb), colour);
    if (object.verb == ApplyVerb::kUpdated && object.effect >= ChangeEffect::kRestart)
      text += " (" + describe(object.effect) + ")";
    if (reply.dry_run) text += " (dry run)";
    text += '\n';
  }
  return text;
}

std::string render_diff(const ApplyReply& reply, bool colour) {
  std::string text;
  for (const AppliedObject& object : reply.objects) {
    if (object.verb == ApplyVerb::kUnchanged) continue;
    std::string head(1, sign_of(object.verb));
    head += " " + object_name(object);
    if (!object.tenant.empty()) head += " (" + object.tenant + ")";
    if (object.verb == ApplyVerb::kUpdated) head += ": " + describe(object.effect);
    text += paint(head, colour_of(object.verb), colour) + '\n';
    for (const FieldChange& change : object.changes) text += change_line(change, object.verb, colour);
  }
  return text;
}

bool has_changes(const ApplyReply& reply) {
  return std::any_of(reply.objects.begin(), reply.objects.end(),
                     [](const AppliedObject& object) { return object.verb != ApplyVerb::kUnchanged; });
}

}  // namespace unik::cli
