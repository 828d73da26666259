// Holds the sources to the house's rules: which part may include which, who may read a clock, how files are named.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = UNIK_SOURCE_DIR;

struct Source {
  std::string path;  // relative to the root
  std::string text;
};

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const std::vector<Source>& sources() {
  static const std::vector<Source> all = [] {
    std::vector<Source> found;
    for (const char* top : {"api-schemas", "controller", "agent", "cli", "runtimes"})
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
        const std::string extension = entry.path().extension();
        if (extension != ".cpp" && extension != ".hpp" && extension != ".h" && extension != ".c") continue;
        found.push_back({fs::relative(entry.path(), kRoot), read(entry.path())});
      }
    return found;
  }();
  return all;
}

// Which part of the house a file or an include belongs to; the first prefix that fits.
std::string part_of(const std::string& path) {
  static const std::vector<std::pair<std::string, std::string>> parts = {
      {"api-schemas/api/", "api"},
      {"api-schemas/codec/", "codec"},
      {"api-schemas/wire/", "wire"},
      {"api/", "api"},
      {"codec/", "codec"},
      {"wire/", "wire"},
      {"runtimes/base/", "guest"},
      {"runtimes/lib/", "runtimes"},
      {"controller/core/", "controller core"},
      {"controller/loop", "controller core"},
      {"controller/build_turns", "controller core"},
      {"controller/heartbeats", "controller core"},
      {"controller/log_sessions", "controller core"},
      {"controller/ports", "controller core"},
      {"controller/store/", "store"},
      {"controller/", "controller"},
      {"agent/core/", "agent core"},
      {"agent/loop", "agent core"},
      {"agent/ports", "agent core"},
      {"agent/", "agent"},
      {"cli/", "cli"},
  };
  for (const auto& [prefix, part] : parts)
    if (path.starts_with(prefix)) return part;
  return "";
}

std::vector<std::string> includes_of(const Source& source) {
  static const std::regex include("#\\s*include\\s*\"([^\"]+)\"");
  std::vector<std::string> found;
  for (std::sregex_iterator it(source.text.begin(), source.text.end(), include), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

TEST(House, IncludesFollowTheArrows) {
  const std::map<std::string, std::set<std::string>> may_include = {
      {"api", {"api"}},
      {"codec", {"api", "codec"}},
      {"wire", {"api", "codec", "wire"}},
      {"guest", {"api", "guest"}},
      {"runtimes", {"api", "codec", "wire", "runtimes"}},
      {"controller core", {"api", "controller core"}},
      {"store", {"api", "codec", "controller core", "store"}},
      {"controller", {"api", "codec", "wire", "runtimes", "controller core", "store", "controller"}},
      {"agent core", {"api", "agent core"}},
      {"agent", {"api", "codec", "wire", "runtimes", "agent core", "agent"}},
      {"cli", {"api", "codec", "wire", "runtimes", "cli"}},
  };
  std::size_t checked = 0;
  for (const Source& source : sources()) {
    const std::string from = part_of(source.path);
    ASSERT_FALSE(from.empty()) << source.path << " is in no known part of the house";
    for (const std::string& include : includes_of(source)) {
      const std::string to = part_of(include);
      if (to.empty()) {
        // Only neighbours may be named without their folder.
        EXPECT_TRUE(fs::exists((kRoot / source.path).parent_path() / include))
            << source.path << " includes " << include;
        continue;
      }
      EXPECT_TRUE(may_include.at(from).contains(to))
          << source.path << " (" << from << ") includes " << include << " (" << to << ")";
      ++checked;
    }
  }
  EXPECT_GT(checked, 200U) << "the test has lost sight of the sources";
}

TEST(House, CoresUseTheStandardLibraryAlone) {
  static const std::regex include("#\\s*include\\s*<([^>]+)>");
  static const std::regex standard("[a-z_0-9]+|c(stdint|stddef|stdio|stdlib|string)");
  for (const Source& source : sources()) {
    const std::string part = part_of(source.path);
    if (part != "api" && part != "controller core" && part != "agent core") continue;
    if (source.path.ends_with(".h")) continue;  // shared with the guest's C
    for (std::sregex_iterator it(source.text.begin(), source.text.end(), include), end; it != end; ++it)
      EXPECT_TRUE(std::regex_match((*it)[1].str(), standard)) << source.path << " includes <" << (*it)[1] << ">";
  }
}

TEST(House, CoresReadNoClockAndNoRandomness) {
  static const std::regex forbidden(
      "::now\\(|clock_gettime|gettimeofday|\\btime\\(|random_device|mt19937|\\brand\\(|getrandom|getenv|sleep_for|"
      "sleep_until|std::thread");
  for (const Source& source : sources()) {
    const std::string part = part_of(source.path);
    if (part != "api" && part != "controller core" && part != "agent core") continue;
    std::smatch match;
    EXPECT_FALSE(std::regex_search(source.text, match, forbidden)) << source.path << " uses " << match.str();
  }
}

TEST(House, CoresIterateNoUnorderedContainer) {
  for (const Source& source : sources()) {
    const std::string part = part_of(source.path);
    if (part != "controller core" && part != "agent core") continue;
    EXPECT_EQ(source.text.find("unordered_"), std::string::npos) << source.path;
  }
}

TEST(House, HeavyLibrariesStayBehindTheirDoors) {
  struct Door {
    const char* include;
    std::set<std::string> parts;
    bool headers_too;
  };
  for (const Source& source : sources()) {
    const std::string part = part_of(source.path);
    const bool header = source.path.ends_with(".hpp");
    if (source.text.find("<boost/") != std::string::npos) {
      EXPECT_TRUE(part == "wire" && !header) << source.path;
    }
    if (source.text.find("<yaml-cpp/") != std::string::npos) {
      EXPECT_TRUE(part == "codec" && !header) << source.path;
    }
    if (source.text.find("<sqlite3.h>") != std::string::npos) {
      EXPECT_TRUE(part == "store" && !header) << source.path;
    }
    if (source.text.find("<nlohmann/json.hpp>") != std::string::npos) {
      EXPECT_FALSE(header) << source.path;
    }
    if (source.text.find("<curl/curl.h>") != std::string::npos) {
      EXPECT_TRUE(part == "wire") << source.path;
    }
  }
}

TEST(House, EveryProgramHasALastResort) {
  std::size_t programs = 0;
  for (const Source& source : sources()) {
    if (fs::path(source.path).filename() != "main.cpp") continue;
    ++programs;
    EXPECT_NE(source.text.find("with_last_resort("), std::string::npos) << source.path;
  }
  EXPECT_EQ(programs, 3U);
}

TEST(House, FilesAreNamedForWhatTheyOwn) {
  static const std::regex name("[a-z][a-z0-9_]*\\.(cpp|hpp|h|c)");
  static const std::set<std::string> vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager"};
  for (const Source& source : sources()) {
    const fs::path path(source.path);
    EXPECT_TRUE(std::regex_match(path.filename().string(), name)) << source.path;
    EXPECT_FALSE(vague.contains(path.stem().string())) << source.path;
    for (const fs::path& folder : path.parent_path()) EXPECT_FALSE(vague.contains(folder.string())) << source.path;
  }
}

TEST(House, TestsMirrorTheSources) {
  static const std::set<std::string> own = {"house", "scenarios", "sim", "e2e", "bench", "fuzz"};
  for (const auto& entry : fs::directory_iterator(kRoot / "tests")) {
    if (!entry.is_directory() || own.contains(entry.path().filename())) continue;
    EXPECT_TRUE(fs::is_directory(kRoot / entry.path().filename())) << entry.path();
  }
}

}  // namespace
