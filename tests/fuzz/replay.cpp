// Stands in for libFuzzer where a fuzz target is built as a test: gives it every file of the directories that are
// named, and the beginnings of each, once.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

// So many beginnings of an input are read besides the whole: what is cut off is what a parser meets most.
constexpr std::size_t kCuts = 32;

// A copy of exactly its size, so that a sanitizer sees a read beyond the end.
void read_input(const std::string& bytes, std::size_t size) {
  const std::string exact(bytes, 0, size);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(exact.data()), exact.size());
}

bool replay(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) return false;
  // Said before it is read: the last line of a crash names the input.
  std::printf("%s\n", file.filename().c_str());
  std::fflush(stdout);
  for (std::size_t cut = 0; cut < kCuts; ++cut) read_input(bytes, bytes.size() * cut / kCuts);
  read_input(bytes, bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : fs::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file() && replay(entry.path())) ++inputs;
  if (inputs == 0) std::fprintf(stderr, "want directories with inputs, found none\n");
  return inputs == 0 ? 1 : 0;
}
