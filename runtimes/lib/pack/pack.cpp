#include "runtimes/lib/pack/pack.hpp"

#include <algorithm>

namespace unik::runtimes {
namespace {

std::string languages_of(std::span<const Pack> packs) {
  std::string text;
  std::string_view last;
  for (const Pack& pack : packs)
    if (!pack.language.empty() && pack.language != last)
      text += (text.empty() ? "" : ", ") + std::string(last = pack.language);
  return text;
}

std::string rule_for(const PackChoice& choice, const codec::UnikYaml& recipe) {
  if (!recipe.language.empty()) return "unik.yaml names the language " + recipe.language;
  if (choice.matches.size() == 1) return "the only pack that matches";
  const PackMatch& first = choice.matches[0];
  const PackMatch& second = choice.matches[1];
  if (first.evidence.is_project != second.evidence.is_project)
    return first.evidence.file + " is a project's own file, " + second.evidence.file + " a loose source";
  return std::string(first.pack->name) + " comes before " + std::string(second.pack->name) +
         " in the order of packs; `language` in unik.yaml chooses otherwise";
}

}  // namespace

std::string_view to_string(BuildMode mode) {
  switch (mode) {
    case BuildMode::kRelease:
      return "release";
    case BuildMode::kDebug:
      return "debug";
  }
  return "";
}

Result<PackChoice> choose_pack(std::span<const Pack> packs, const SourceTree& source, const codec::UnikYaml& recipe) {
  const std::string& language = recipe.language;
  if (!language.empty() &&
      std::none_of(packs.begin(), packs.end(), [&](const Pack& pack) { return pack.language == language; }))
    return invalid("no_such_language", source.place("unik.yaml") + ": language: want one of " + languages_of(packs) +
                                           ", found `" + language +
                                           "`; for any other give build.command, artifact.path and run.command");
  PackChoice choice;
  for (const Pack& pack : packs)
    if (pack.detect != nullptr && (language.empty() || pack.language == language))
      if (auto evidence = pack.detect(source)) choice.matches.push_back({&pack, *std::move(evidence)});
  std::stable_partition(choice.matches.begin(), choice.matches.end(),
                        [](const PackMatch& match) { return match.evidence.is_project; });
  const bool stands_on_something = !language.empty() || !recipe.runtime.empty();
  if (choice.matches.empty() && stands_on_something && !recipe.run_command.empty())
    for (const Pack& pack : packs)
      if (pack.detect == nullptr && pack.language == language) choice.matches.push_back({&pack, {"unik.yaml", false}});
  if (choice.matches.empty()) {
    std::string wanted;
    for (const Pack& pack : packs)
      if (language.empty() ? pack.detect != nullptr : pack.language == language)
        wanted += (wanted.empty() ? "" : ", or ") + std::string(pack.looks_for);
    const std::string docker = source.has("Dockerfile") ? "; a Dockerfile is not built: unikctl needs no Docker" : "";
    return invalid("no_pack",
                   source.directory().string() + ": want " + wanted + ", found none" + docker +
                       "; write a unik.yaml with run.command and `runtime`, or with build.command, artifact.path and "
                       "run.command");
  }
  choice.rule = rule_for(choice, recipe);
  return choice;
}

Error in_source(const PackContext& context, std::string_view file, const char* reason, const std::string& text) {
  return invalid(reason, context.source.place(file) + ": " + text);
}

Result<void> check_path_stays(const PackContext& context, std::string_view file, const std::string& entry,
                              std::string_view path) {
  const std::filesystem::path place = (std::filesystem::path(file).parent_path() / path).lexically_normal();
  if (!place.is_absolute() && (place.empty() || *place.begin() != "..")) return {};
  return in_source(context, file, "unsafe_source",
                   entry + ": want a path inside " + context.source.directory().string() + ", found `" +
                       std::string(path) + "`; move what lies there into the source, or take it from a registry");
}

std::vector<std::string> command_or(const PackContext& context, std::vector<std::string> found) {
  return context.recipe.run_command.empty() ? std::move(found) : context.recipe.run_command;
}

}  // namespace unik::runtimes
