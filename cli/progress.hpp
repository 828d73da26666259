// One line of progress on stderr: drawn over on a terminal, a line for each change elsewhere.
#pragma once

#include <string>

#include "cli/environment.hpp"

namespace unik::cli {

class Progress {
 public:
  explicit Progress(const Terminal& terminal) : terminal_(terminal) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // The same text again writes nothing.
  void show(const std::string& text);
  // Takes the line away, for what must stay.
  void clear();

 private:
  const Terminal& terminal_;
  std::string shown_;
};

}  // namespace unik::cli
