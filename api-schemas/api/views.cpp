#include "api/views.hpp"

#include "api/check.hpp"

namespace unik {

std::string_view to_string(ChangeEffect effect) {
  switch (effect) {
    case ChangeEffect::kNone:
      return "none";
    case ChangeEffect::kInPlace:
      return "in_place";
    case ChangeEffect::kRestart:
      return "restart";
    case ChangeEffect::kReplace:
      return "replace";
  }
  UNIK_CHECK(false, "a change effect outside the enumeration");
}

std::optional<ChangeEffect> parse_change_effect(std::string_view text) {
  for (const ChangeEffect effect :
       {ChangeEffect::kNone, ChangeEffect::kInPlace, ChangeEffect::kRestart, ChangeEffect::kReplace})
    if (to_string(effect) == text) return effect;
  return std::nullopt;
}

std::string_view to_string(ApplyVerb verb) {
  switch (verb) {
    case ApplyVerb::kUnchanged:
      return "unchanged";
    case ApplyVerb::kCreated:
      return "created";
    case ApplyVerb::kUpdated:
      return "updated";
    case ApplyVerb::kDeleted:
      return "deleted";
  }
  UNIK_CHECK(false, "an apply verb outside the enumeration");
}

std::optional<ApplyVerb> parse_apply_verb(std::string_view text) {
  for (const ApplyVerb verb : {ApplyVerb::kUnchanged, ApplyVerb::kCreated, ApplyVerb::kUpdated, ApplyVerb::kDeleted})
    if (to_string(verb) == text) return verb;
  return std::nullopt;
}

}  // namespace unik
