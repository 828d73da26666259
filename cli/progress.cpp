#include "cli/progress.hpp"

#include <ostream>

#include "cli/output/colour.hpp"
#include "cli/output/live.hpp"

namespace unik::cli {

void Progress::show(const std::string& text) {
  if (text == shown_) return;
  const std::string line = clip(printable(text), terminal_.width > 1 ? terminal_.width - 1 : 1);
  if (terminal_.live_err)
    *terminal_.err << "\r\x1b[K" << line << std::flush;
  else
    *terminal_.err << printable(text) << '\n' << std::flush;
  shown_ = text;
}

void Progress::clear() {
  if (!shown_.empty() && terminal_.live_err) *terminal_.err << "\r\x1b[K" << std::flush;
  shown_.clear();
}

}  // namespace unik::cli
