#include "runtimes/lib/packs/java_program.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <set>

#include "runtimes/lib/packs/text_lines.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxManifest = 1 << 20;
constexpr std::size_t kReadAtOnce = 64 << 10;
// Where Maven and Gradle leave jars, from the project's directory or from a module's.
constexpr std::string_view kOutputs[] = {"target", "build/libs"};

bool is_program_jar(const fs::path& jar) {
  const std::string name = jar.filename().string();
  if (!name.ends_with(".jar") || name.starts_with("original-")) return false;
  for (const char* other : {"-sources.jar", "-javadoc.jar", "-tests.jar", "-test-sources.jar", "-plain.jar"})
    if (name.ends_with(other)) return false;
  return true;
}

void add_jars(std::vector<fs::path>& jars, const fs::path& project) {
  for (const std::string_view output : kOutputs) {
    std::error_code error;
    for (fs::directory_iterator entry(project / output, error), end; !error && entry != end; entry.increment(error))
      if (entry->is_regular_file(error) && is_program_jar(entry->path())) jars.push_back(entry->path());
  }
}

std::vector<fs::path> built_jars(const fs::path& work) {
  std::vector<fs::path> jars;
  add_jars(jars, work);
  std::error_code error;
  for (fs::directory_iterator entry(work, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_directory(error)) add_jars(jars, entry->path());
  std::sort(jars.begin(), jars.end());
  return jars;
}

std::string names_of(const std::vector<fs::path>& jars) {
  std::string names;
  for (const fs::path& jar : jars) names += (names.empty() ? "" : ", ") + jar.filename().string();
  return names.empty() ? "none" : names;
}

struct Chosen {
  fs::path jar;
  std::string main_class;  // empty: only run.command says how it is started
};

// The only jar with a main class; or the only one, with the class that the project names.
Result<Chosen> choose_jar(const PackContext& context, const std::string& file, const std::string& named) {
  const std::vector<fs::path> jars = built_jars(context.places.work);
  std::vector<Chosen> programs;
  for (const fs::path& jar : jars) {
    auto main_class = main_class_of_jar(jar);
    if (!main_class) return std::move(main_class).error();
    if (!main_class->empty()) programs.push_back({jar, *std::move(main_class)});
  }
  if (programs.size() == 1) return programs.front();
  if (programs.empty() && jars.size() == 1 && (!named.empty() || !context.recipe.run_command.empty()))
    return Chosen{jars.front(), named};
  return in_source(context, file, "no_entry_point",
                   "want one jar whose manifest has a Main-Class, found " + names_of(jars) +
                       (programs.empty() ? ", none with one" : ", several with one") +
                       "; give the jar plugin a mainClass, or name it by run.command in unik.yaml, as in [\"java\", "
                       "\"-cp\", \"/app/NAME.jar:/app/lib/*\", \"Main\"]");
}

bool starts_others(const std::string& main_class) {
  return main_class.starts_with("org.springframework.boot.loader.");  // it holds its libraries, and finds them itself
}

// A manifest's lines end at 72 bytes and go on after a space.
std::string joined_lines(std::string_view text) {
  std::string joined;
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with(' '))
      joined += line.substr(1);
    else
      (joined += joined.empty() ? "" : "\n") += line;
  }
  return joined;
}

constexpr std::string_view kJavaBlanks = " \t\r\n\f";

bool is_of_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

// The next word or sign behind blanks, taken off `rest`; empty at the end.
std::string_view take_token(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kJavaBlanks), rest.size()));
  std::size_t size = 0;
  while (size < rest.size() && is_of_word(rest[size])) ++size;
  const std::string_view token = rest.substr(0, std::max<std::size_t>(size, 1));
  rest.remove_prefix(token.size());
  return token;
}

// `static void main(`, with `final` between or the words in the other order.
bool declares_main_method(std::string_view text) {
  std::array<std::string_view, 5> last;  // of which the newest is at the end
  while (!text.empty()) {
    std::rotate(last.begin(), last.begin() + 1, last.end());
    last.back() = take_token(text);
    if (last[4] != "(" || last[3] != "main") continue;
    const bool final_between = last[0] == "static" && last[1] == "final" && last[2] == "void";
    if (final_between || (last[1] == "static" && last[2] == "void") || (last[1] == "void" && last[2] == "static"))
      return true;
  }
  return false;
}

std::string package_of(std::string_view text) {
  for (const std::string_view line : lines_of(text)) {
    if (!begins_with_word(line, "package")) continue;
    const std::string_view rest = without_blanks(line).substr(std::string_view("package").size());
    const std::size_t end = rest.find(';');
    const std::string_view name = without_blanks(rest.substr(0, end));
    if (end != std::string_view::npos && std::ranges::all_of(name, [](char c) { return is_of_word(c) || c == '.'; }))
      return std::string(name);
  }
  return "";
}

}  // namespace

ToolNeed jdk_tool(const PackContext& context) {
  const auto it = context.provides.find("java");
  const std::string version = it == context.provides.end() ? "" : it->second.substr(0, it->second.find('.'));
  return {"javac", {"javac"}, {"--version"}, "javac " + version, "apt-get install openjdk-17-jdk-headless"};
}

std::vector<std::string> main_classes(const SourceTree& source) {
  std::set<std::string> found;
  for (const std::string& path : source.files_below(".java")) {
    if (path.find("src/test/") != std::string::npos) continue;
    const std::string text = source.text_or_empty(path);
    if (!declares_main_method(text)) continue;
    const std::string package = package_of(text);
    found.insert((package.empty() ? "" : package + ".") + fs::path(path).stem().string());
  }
  return {found.begin(), found.end()};
}

Result<std::string> main_class_of_jar(const fs::path& jar) {
  const std::unique_ptr<archive, decltype(&archive_read_free)> in(archive_read_new(), archive_read_free);
  archive_read_support_format_zip(in.get());
  const auto bad = [&] {
    const char* why = archive_error_string(in.get());
    return invalid("bad_jar", jar.string() + ": want a jar, found: " + (why == nullptr ? "something else" : why));
  };
  if (archive_read_open_filename(in.get(), jar.c_str(), kReadAtOnce) != ARCHIVE_OK) return bad();
  archive_entry* entry = nullptr;
  int code = ARCHIVE_OK;
  while ((code = archive_read_next_header(in.get(), &entry)) == ARCHIVE_OK) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || std::string_view(name) != "META-INF/MANIFEST.MF") continue;
    std::string text(kMaxManifest, '\0');
    const la_ssize_t got = archive_read_data(in.get(), text.data(), text.size());
    if (got < 0) return bad();
    text.resize(static_cast<std::size_t>(got));
    text = "\n" + joined_lines(text);
    constexpr std::string_view kKey = "\nMain-Class:";
    const std::size_t at = text.find(kKey);
    if (at == std::string::npos) return std::string();
    const std::size_t begin = text.find_first_not_of(' ', at + kKey.size());
    return begin == std::string::npos ? "" : text.substr(begin, text.find_first_of(" \n", begin) - begin);
  }
  if (code != ARCHIVE_EOF) return bad();
  return std::string();
}

Result<Launch> launch_jar(const PackContext& context, const std::string& file, const std::string& named) {
  auto chosen = choose_jar(context, file, named);
  if (!chosen) return std::move(chosen).error();
  const fs::path& app = context.places.app;
  const std::string name = chosen->jar.filename().string();
  std::error_code error;
  fs::rename(chosen->jar, app / name, error);
  if (error) return unavailable("store_failed", "moving " + chosen->jar.string() + ": " + error.message());
  const bool libraries = fs::is_directory(app / "lib", error) && !fs::is_empty(app / "lib", error);
  std::vector<std::string> command = {"java", "-jar", "/app/" + name};
  if ((libraries && !starts_others(chosen->main_class)) || !named.empty())
    command = {"java", "-cp", "/app/" + name + ":/app/lib/*", chosen->main_class};
  return Launch{app, command_or(context, std::move(command)), {}};
}

}  // namespace unik::runtimes
