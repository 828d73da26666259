// How long a controller that was killed with SIGKILL takes until it answers `ready`, from the kill on, with 10,000 and
// with 100,000 instances in its store. Beside it: reading all rows of the same tables with SQLite alone.
//
//   restart_bench BIN_DIR [--pairs N] [--check]      with --check the smaller store alone
#include <sqlite3.h>

#include "generated_store.hpp"
#include "paired.hpp"
#include "process.hpp"
#include "report.hpp"

namespace {

using namespace unik;
using namespace unik::bench;
namespace fs = std::filesystem;

// Every column of every row, as text, and no more than that.
Result<void> read_rows(const fs::path& path, std::size_t least_rows) {
  sqlite3* database = nullptr;
  std::size_t rows = 0;
  bool fine = ::sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK;
  for (const char* const sql :
       {"SELECT * FROM apps", "SELECT * FROM nodes", "SELECT * FROM templates", "SELECT * FROM instances"}) {
    sqlite3_stmt* statement = nullptr;
    fine = fine && ::sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK;
    while (fine && ::sqlite3_step(statement) == SQLITE_ROW) {
      for (int column = 0; column < ::sqlite3_column_count(statement); ++column)
        fine = fine && ::sqlite3_column_text(statement, column) != nullptr;
      ++rows;
    }
    ::sqlite3_finalize(statement);
  }
  ::sqlite3_close(database);
  if (fine && rows >= least_rows) return {};
  return internal("sqlite", "SQLite read " + std::to_string(rows) + " rows of " + path.string());
}

Result<void> measure(const Options& options, const fs::path& bin, std::size_t instances, std::optional<double> target,
                     Report& report) {
  const ScratchDir scratch;
  const fs::path home = scratch.path() / "home";
  if (Result<void> generated = generate_store(home, instances); !generated) return generated;
  Result<Daemon> controller = start_controller(bin, home);
  if (!controller) return controller.error();
  if (Result<void> ready = wait_ready(socket_of(home)); !ready) return ready;
  double cpu_s = 0;
  const auto restart = [&]() -> Result<void> {
    controller->kill();
    controller = start_controller(bin, home);
    if (!controller) return controller.error();
    if (Result<void> ready = wait_ready(socket_of(home)); !ready) return ready;
    cpu_s = cpu_seconds_of(controller->pid());
    return {};
  };
  const Result<Comparison> found =
      Pairing(options.pairs).compare([&] { return read_rows(home / "controller.db", instances); }, restart);
  if (!found) return found.error();
  const double memory = static_cast<double>(controller->resident_bytes()) / 1e6;
  const std::string with = " with " + std::to_string(instances) + " instances";
  report.add(*found);
  report.add({"kill -9 to ready" + with, ours_wall(*found), "s", Want::kAtMost, target});
  report.add({"its CPU seconds", {cpu_s, cpu_s, cpu_s}, "s"});
  report.add({"the same, over SQLite reading the rows", wall_ratio(*found), "x", Want::kAtMost, {}, 15.0});
  report.add({"controller's memory" + with, {memory, memory, memory}, "MB", Want::kAtMost, 150});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.operands.size() != 1) return give_up("restart", invalid("usage", "want BIN_DIR"));
  const fs::path bin = options.operands.front();
  Report report("restart");
  Result<void> done = measure(options, bin, 10'000, 0.5, report);
  if (done && !options.check) done = measure(options, bin, 100'000, 0.5, report);
  if (!done) return give_up("restart", done.error());
  return report.finish(options);
}
