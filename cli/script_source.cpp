#include "cli/script_source.hpp"

#include <system_error>

#include "runtimes/lib/oci/digest.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHexOfPath = 16;

struct Interpreter {
  std::string_view ending;
  std::string_view language;
  std::vector<std::string> start;  // before the file's name
  const char* file;                // what it is called in the image; null: as it is
};
const Interpreter kInterpreters[] = {{".py", "python", {"python3"}, nullptr},
                                     {".js", "nodejs", {"node"}, "main.js"},
                                     {".mjs", "nodejs", {"node"}, "main.mjs"},
                                     {".cjs", "nodejs", {"node"}, "main.cjs"},
                                     {".jar", "java", {"java", "-jar"}, nullptr}};

const Interpreter* interpreter_of(const fs::path& path) {
  for (const Interpreter& interpreter : kInterpreters)
    if (path.extension() == interpreter.ending) return &interpreter;
  return nullptr;
}

// All but what a build keeps for the next one.
Result<void> sweep(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().filename() != ".unikctl") fs::remove_all(entry->path(), error);
  if (error) return unavailable("store_failed", "clearing " + directory.string() + ": " + error.message());
  return {};
}

}  // namespace

std::optional<std::string_view> script_language(const fs::path& path) {
  const Interpreter* interpreter = interpreter_of(path);
  return interpreter == nullptr ? std::nullopt : std::optional(interpreter->language);
}

Result<ScriptSource> lay_out_script(const fs::path& home, const fs::path& script) {
  const Interpreter* interpreter = interpreter_of(script);
  if (interpreter == nullptr)
    return invalid("not_a_script", script.string() + ": want a name that ends in .py, .js, .mjs, .cjs or .jar");
  const std::string file = interpreter->file == nullptr ? script.filename().string() : interpreter->file;
  ScriptSource source;
  source.directory = home / "scripts" / to_hex(runtimes::sha256(script.string())).substr(0, kHexOfPath);
  if (auto made = runtimes::make_directories(source.directory); !made) return std::move(made).error();
  auto lock = runtimes::lock_file(source.directory.string() + ".lock", runtimes::LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  source.lock = *std::move(lock);
  if (auto swept = sweep(source.directory); !swept) return std::move(swept).error();
  std::error_code error;
  fs::copy_file(script, source.directory / file, error);
  if (error) return unavailable("read_failed", "copying " + script.string() + ": " + error.message());
  source.recipe.language = interpreter->language;
  source.recipe.run_command = interpreter->start;
  source.recipe.run_command.push_back(file);
  return source;
}

}  // namespace unik::cli
