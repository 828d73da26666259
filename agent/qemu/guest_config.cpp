#include "agent/qemu/guest_config.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "api/guest.h"

namespace unik::agent {
namespace {

// The network that QEMU's user mode gives each guest for itself.
constexpr std::string_view kGuestAddress = "10.0.2.15/24";
constexpr std::string_view kGuestGateway = "10.0.2.2";
constexpr std::string_view kGuestDns = "10.0.2.3";

constexpr std::uint32_t kMaxUserId = 4294967294U;

void add(std::string& config, std::string_view key, std::string_view value) {
  config.append(key).append("=").append(value).push_back('\0');
}

struct User {
  std::uint32_t uid = UNIK_GUEST_DEFAULT_ID;
  std::uint32_t gid = UNIK_GUEST_DEFAULT_ID;
};

bool read_user_id(std::string_view text, std::uint32_t& id) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
  return problem == std::errc() && end == text.data() + text.size() && id <= kMaxUserId;
}

// `UID[:GID]`; root is the one name that means the same everywhere.
Result<User> parse_user(std::string_view text) {
  if (text.empty()) return User{};
  const std::size_t colon = text.find(':');
  const std::string_view uid = text.substr(0, colon);
  User user;
  if (uid == "root")
    user.uid = 0;
  else if (!read_user_id(uid, user.uid))
    return invalid("bad_user", "want a numeric user `UID[:GID]` in the image, got `" + std::string(text) + "`");
  user.gid = user.uid;
  if (colon == std::string_view::npos) return user;
  const std::string_view gid = text.substr(colon + 1);
  if (gid == "root")
    user.gid = 0;
  else if (!read_user_id(gid, user.gid))
    return invalid("bad_user", "want a numeric group `UID[:GID]` in the image, got `" + std::string(text) + "`");
  return user;
}

Error too_much(std::string_view key, std::size_t bound) {
  return invalid("bad_boot_config", "want at most " + std::to_string(bound) + " of `" + std::string(key) +
                                        "` for a guest, got more: name fewer or shorter ones");
}

// A list that init can take: count, length of each, no NUL.
Result<void> add_list(std::string& config, std::string_view key, const std::vector<std::string>& values,
                      std::size_t most) {
  if (values.size() > most) return too_much(key, most);
  for (const std::string& value : values) {
    if (value.size() > UNIK_GUEST_VALUE_BYTES_MAX)
      return too_much(std::string(key) + " bytes", UNIK_GUEST_VALUE_BYTES_MAX);
    if (value.find('\0') != std::string::npos)
      return invalid("bad_boot_config", "want no NUL byte in `" + std::string(key) + "`, got one");
    add(config, key, value);
  }
  return {};
}

std::vector<std::string> program_of(const BootSpec& boot, const runtimes::ImageConfig& image) {
  std::vector<std::string> program = image.entrypoint;
  const std::vector<std::string>& rest = boot.args.empty() ? image.cmd : boot.args;
  program.insert(program.end(), rest.begin(), rest.end());
  return program;
}

// Of one name the last counts, so the app's own come last.
std::vector<std::string> environment_of(const BootSpec& boot, const runtimes::ImageConfig& image) {
  std::vector<std::string> environment = image.env;
  for (const auto& [name, value] : boot.env) environment.push_back(name + '=' + value);
  return environment;
}

}  // namespace

std::string_view guest_address() {
  return kGuestAddress.substr(0, kGuestAddress.find('/'));
}

Result<std::string> guest_config(const InstanceId& id, const BootSpec& boot, const runtimes::ImageConfig& image) {
  const std::vector<std::string> program = program_of(boot, image);
  if (program.empty() || program.front().empty())
    return invalid("no_program", "want an image with an entry point, or arguments that name a program; found neither");
  const Result<User> user = parse_user(image.user);
  if (!user.ok()) return user.error();

  std::string config;
  add(config, UNIK_GUEST_CONFIG_MAGIC, std::to_string(UNIK_GUEST_VERSION));
  if (Result<void> added = add_list(config, UNIK_GUEST_KEY_ARG, program, UNIK_GUEST_ARGS_MAX); !added.ok())
    return added.error();
  if (Result<void> added = add_list(config, UNIK_GUEST_KEY_ENV, environment_of(boot, image), UNIK_GUEST_ENV_MAX);
      !added.ok())
    return added.error();
  if (!image.working_dir.empty() && image.working_dir != "/")
    if (Result<void> added = add_list(config, UNIK_GUEST_KEY_CWD, {image.working_dir}, 1); !added.ok())
      return added.error();
  if (user->uid != UNIK_GUEST_DEFAULT_ID) add(config, UNIK_GUEST_KEY_UID, std::to_string(user->uid));
  if (user->gid != UNIK_GUEST_DEFAULT_ID) add(config, UNIK_GUEST_KEY_GID, std::to_string(user->gid));
  add(config, UNIK_GUEST_KEY_HOSTNAME, short_name(id).substr(0, UNIK_GUEST_HOSTNAME_BYTES_MAX));
  add(config, UNIK_GUEST_KEY_ADDRESS, kGuestAddress);
  add(config, UNIK_GUEST_KEY_GATEWAY, kGuestGateway);
  add(config, UNIK_GUEST_KEY_DNS, kGuestDns);
  if (boot.writable == RootWritable::kEphemeral) add(config, UNIK_GUEST_KEY_WRITABLE, "ephemeral");
  if (boot.debug) add(config, UNIK_GUEST_KEY_TRACE, "1");
  add(config, UNIK_GUEST_CONFIG_END, "");
  if (config.size() > UNIK_GUEST_CONFIG_BYTES_MAX) return too_much("arg and env bytes", UNIK_GUEST_CONFIG_BYTES_MAX);
  return config;
}

}  // namespace unik::agent
