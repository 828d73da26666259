/* The configuration's grammar, as api/guest.h gives it. Free of I/O, so that a test on the host can feed it anything.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "init.h"

/* Decimal digits only: strtoul would take signs, spaces and octal. */
static bool parse_number(const char* text, unsigned long limit, unsigned long* number) {
  unsigned long value = 0;

  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + (unsigned long)(*text - '0');
    if (value > limit) return false;
  }
  *number = value;
  return true;
}

static bool parse_id(const char* text, uint32_t* id) {
  unsigned long value = 0;

  /* 4294967295 is (uid_t)-1, which setresuid() takes as "leave it". */
  if (!parse_number(text, 4294967294UL, &value)) return false;
  *id = (uint32_t)value;
  return true;
}

static bool parse_flag(const char* text, bool* flag) {
  if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) return false;
  *flag = *text == '1';
  return true;
}

static bool parse_address(char* text, struct config* config) {
  unsigned long prefix = 0;
  char* slash = strchr(text, '/');

  if (!slash || !parse_number(slash + 1, 32, &prefix)) return false;
  *slash = '\0';
  if (inet_pton(AF_INET, text, &config->address) != 1) return false;
  config->netmask.s_addr = prefix ? htonl(0xffffffffU << (32 - prefix)) : 0;
  config->has_address = true;
  return true;
}

static bool parse_gateway(const char* text, struct config* config) {
  config->has_gateway = inet_pton(AF_INET, text, &config->gateway) == 1;
  return config->has_gateway;
}

static bool is_hostname(const char* text) {
  size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

  return length > 0 && length <= UNIK_GUEST_HOSTNAME_BYTES_MAX && text[length] == '\0';
}

static bool parse_writable(const char* text, bool* ephemeral) {
  if (strcmp(text, "no") != 0 && strcmp(text, "ephemeral") != 0) return false;
  *ephemeral = *text == 'e';
  return true;
}

/* Whether both are entries of one variable. */
static bool same_variable(const char* left, const char* right) {
  size_t name_length = strcspn(left, "=");

  return strncmp(left, right, name_length + 1) == 0;
}

static const char* add_env(char* entry, struct config* config) {
  size_t index = 0;
  const char* equals = strchr(entry, '=');

  if (!equals || equals == entry) return "env: want NAME=VALUE";
  while (index < config->env_count && !same_variable(entry, config->env[index])) index++;
  if (index == UNIK_GUEST_ENV_MAX) return "env: more than 1024 entries";
  config->env[index] = entry;
  if (index == config->env_count) config->env_count++;
  return NULL;
}

static const char* add_arg(char* value, struct config* config) {
  if (config->arg_count == UNIK_GUEST_ARGS_MAX) return "arg: more than 1024 entries";
  config->args[config->arg_count++] = value;
  return NULL;
}

static const char* add_dns(const char* value, struct config* config) {
  if (config->dns_count == UNIK_GUEST_DNS_MAX) return "dns: more than 3 entries";
  if (inet_pton(AF_INET, value, &config->dns[config->dns_count]) != 1) return "dns: want an IPv4 address";
  config->dns_count++;
  return NULL;
}

/* The keys that may come once; a bit each in the set of those already seen. */
enum single { CWD, UID, GID, HOSTNAME, ADDRESS, GATEWAY, WRITABLE, TRACE, SECCOMP, SINGLE_COUNT };

static const char* const single_keys[SINGLE_COUNT] = {
    UNIK_GUEST_KEY_CWD,      UNIK_GUEST_KEY_UID,     UNIK_GUEST_KEY_GID,
    UNIK_GUEST_KEY_HOSTNAME, UNIK_GUEST_KEY_ADDRESS, UNIK_GUEST_KEY_GATEWAY,
    UNIK_GUEST_KEY_WRITABLE, UNIK_GUEST_KEY_TRACE,   UNIK_GUEST_KEY_SECCOMP,
};

static const char* set_single(enum single key, char* value, struct config* config) {
  switch (key) {
    case CWD:
      config->cwd = value;
      return *value == '/' ? NULL : "cwd: want an absolute path";
    case UID:
      return parse_id(value, &config->uid) ? NULL : "uid: want 0 to 4294967294";
    case GID:
      return parse_id(value, &config->gid) ? NULL : "gid: want 0 to 4294967294";
    case HOSTNAME:
      config->hostname = value;
      return is_hostname(value) ? NULL : "hostname: want 1 to 64 letters, digits, '-' and '.'";
    case ADDRESS:
      return parse_address(value, config) ? NULL : "address: want an IPv4 address and its prefix, as 10.0.2.15/24";
    case GATEWAY:
      return parse_gateway(value, config) ? NULL : "gateway: want an IPv4 address";
    case WRITABLE:
      return parse_writable(value, &config->ephemeral_root) ? NULL : "writable: want no or ephemeral";
    case TRACE:
      return parse_flag(value, &config->trace) ? NULL : "trace: want 0 or 1";
    case SECCOMP:
      return parse_flag(value, &config->seccomp) ? NULL : "seccomp: want 0 or 1";
    case SINGLE_COUNT:
      break;
  }
  return "unreachable";
}

static const char* set_field(const char* key, char* value, unsigned* seen, struct config* config) {
  if (strlen(value) > UNIK_GUEST_VALUE_BYTES_MAX) return "a value is longer than 131071 bytes";
  if (strcmp(key, UNIK_GUEST_KEY_ARG) == 0) return add_arg(value, config);
  if (strcmp(key, UNIK_GUEST_KEY_ENV) == 0) return add_env(value, config);
  if (strcmp(key, UNIK_GUEST_KEY_DNS) == 0) return add_dns(value, config);
  for (unsigned single = 0; single < SINGLE_COUNT; single++) {
    if (strcmp(key, single_keys[single]) != 0) continue;
    if (*seen & (1U << single)) return "a key that may come once came twice";
    *seen |= 1U << single;
    return set_single((enum single)single, value, config);
  }
  return "a key that this init does not know: the image's base is older than the agent";
}

/* An app may rely on these; the image or the manifest may set them otherwise. */
static void add_default_env(struct config* config, char* hostname_entry) {
  char* const defaults[] = {
      (char*)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      (char*)"HOME=/tmp",
      hostname_entry,
  };

  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
    size_t index = 0;
    while (index < config->env_count && !same_variable(defaults[i], config->env[index])) index++;
    if (index == config->env_count) config->env[config->env_count++] = defaults[i];
  }
}

const char* parse_config(char* text, size_t size, struct config* config) {
  static char hostname_entry[sizeof "HOSTNAME=" + UNIK_GUEST_HOSTNAME_BYTES_MAX];
  char* const limit = text + size;
  unsigned seen = 0;
  bool first = true;

  memset(config, 0, sizeof *config);
  config->cwd = "/";
  config->uid = UNIK_GUEST_DEFAULT_ID;
  config->gid = UNIK_GUEST_DEFAULT_ID;
  config->hostname = "unikernel";
  config->seccomp = true;

  for (char* key = text; key < limit;) {
    char* value = NULL;
    const char* error = NULL;
    char* end = memchr(key, '\0', (size_t)(limit - key));

    if (!end) return "the last field has no end: the configuration was cut short";
    value = strchr(key, '=');
    if (!value) return "a field without '='";
    *value++ = '\0';

    if (first) {
      if (strcmp(key, UNIK_GUEST_CONFIG_MAGIC) != 0) return "the first field is not unikctl-guest";
      if (strcmp(value, "1") != 0)
        return "want version 1 of the configuration: the image's base is older than the agent";
      first = false;
    } else if (strcmp(key, UNIK_GUEST_CONFIG_END) == 0) {
      if (*value || end + 1 != limit) return "something follows the end of the configuration";
      if (!config->arg_count) return "want at least one arg: the program to run";
      if (!*config->args[0]) return "arg: the program's name is empty";
      if (config->has_gateway && !config->has_address) return "gateway: wants an address";
      strcpy(stpcpy(hostname_entry, "HOSTNAME="), config->hostname);
      add_default_env(config, hostname_entry);
      return NULL;
    } else {
      error = set_field(key, value, &seen, config);
      if (error) return error;
    }
    key = end + 1;
  }
  return "no end: the configuration was cut short";
}
