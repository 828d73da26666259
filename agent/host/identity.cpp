#include "agent/host/identity.hpp"

#include <utility>

#include "runtimes/lib/oci/durable_file.hpp"
#include "wire/log.hpp"

namespace unik::agent {

Result<std::string> load_identity(const std::string& state_dir) {
  constexpr Bytes kMost = kibibytes(1);
  const std::string path = state_dir + '/' + std::string(kIdentityFile);
  Result<std::string> text = runtimes::read_file(path, kMost);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) {
    std::string id = wire::new_trace_id();
    if (Result<void> kept = runtimes::replace_file(path, id + '\n'); !kept.ok()) return std::move(kept).error();
    return id;
  }
  if (!text.ok()) return std::move(text).error();
  const std::string id = text->substr(0, text->find('\n'));
  if (!wire::is_trace_id(id))
    return internal("corrupt_identity",
                    path + ": want 32 hexadecimal digits, found something else; remove the file: the agent is then " +
                        "another one, and gets the node's name when the one before has been silent for a while");
  return id;
}

}  // namespace unik::agent
