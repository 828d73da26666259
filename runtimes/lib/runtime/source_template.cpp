#include "runtimes/lib/runtime/source_template.hpp"

#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::runtimes {
namespace {

constexpr const char* kNewRecipe =
    R"(# How the runtime is put together (docs/runtimes/README.md). All packages are laid over each other in a stage; what `keep`
# names is taken, with every library that it is linked with. No shell and no package manager may be among it.
version: 1
base: base
packages:
  debian: [libc6, libcrypt1, libssl3, mini-httpd]
keep: [usr/sbin/mini_httpd]
# libraries: [libfoo.so.1]      # loaded by name at run time, so that nothing is linked with them
# environment: {LANG: C.UTF-8}  # of every app on it
check:                          # `unikctl runtime test`: boots this and asks it by HTTP
  directory: check
  command: [/usr/sbin/mini_httpd, -D, -p, "8080", -d, /app]
  answer: It works
)";

}  // namespace

std::map<std::string, std::string> source_template(const std::string& name) {
  const std::string manifest = "name: " + name +
                               "\nversion: 0.1.0\ndescription: A small web server, to be replaced by what you need\n"
                               "platforms: [linux/amd64]\npackages: [mini-httpd]\nprovides: {" +
                               name + ": \"0.1\"}\n";
  return {{kManifestFile, manifest}, {kRecipeFile, kNewRecipe}, {"check/index.html", "It works\n"}};
}

}  // namespace unik::runtimes
