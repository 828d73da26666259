#include "tests/controller/store/failing_memory.hpp"

#include <sqlite3.h>

#include "api/check.hpp"

namespace unik::controller {
namespace {

sqlite3_mem_methods g_real{};
std::uint64_t g_count = 0;
std::uint64_t g_failing = 0;  // 0: none
bool g_struck = false;

bool refuses() {
  ++g_count;
  if (g_count != g_failing) return false;
  g_struck = true;
  return true;
}

void* allocate(int size) {
  return refuses() ? nullptr : g_real.xMalloc(size);
}
void* reallocate(void* block, int size) {
  return refuses() ? nullptr : g_real.xRealloc(block, size);
}

void configure(const sqlite3_mem_methods& methods) {
  sqlite3_shutdown();
  UNIK_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK, "SQLite's memory cannot be exchanged");
  UNIK_CHECK(sqlite3_initialize() == SQLITE_OK, "SQLite does not start");
}

}  // namespace

FailingMemory::FailingMemory() {
  heal();
  sqlite3_shutdown();
  UNIK_CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &g_real) == SQLITE_OK, "SQLite does not name its memory");
  sqlite3_mem_methods failing = g_real;
  failing.xMalloc = allocate;
  failing.xRealloc = reallocate;
  configure(failing);
}

FailingMemory::~FailingMemory() {
  configure(g_real);
}

void FailingMemory::count_anew() {
  g_count = 0;
}
std::uint64_t FailingMemory::count() const {
  return g_count;
}

void FailingMemory::fail(std::uint64_t nth) {
  g_count = 0;
  g_failing = nth;
  g_struck = false;
}

void FailingMemory::heal() {
  g_failing = 0;
}
bool FailingMemory::struck() const {
  return g_struck;
}

}  // namespace unik::controller
