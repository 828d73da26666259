/* The grammar of the guest's configuration, fed on the host: what is accepted, what each mistake is called, and that no
 * prefix and no changed byte of a good one makes the parser read or write outside of it (built with the sanitizers). */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../runtimes/base/init/init.h"

static int failures;
static struct config config;

#define WANT(condition)                                            \
  do {                                                             \
    if (!(condition)) {                                            \
      printf("config_test.c:%d: want %s\n", __LINE__, #condition); \
      failures++;                                                  \
    }                                                              \
  } while (0)

/* Parses a copy in a block of exactly its size, so that the address sanitizer sees the smallest step outside. */
static const char* parse(const char* text, size_t size) {
  static char* copy;

  free(copy);
  copy = malloc(size ? size : 1);
  memcpy(copy, text, size);
  return parse_config(copy, size, &config);
}

#define PARSE(text) parse(text, sizeof(text) - 1)
#define FIELDS(fields) "unikctl-guest=1\0" fields "end=\0"
#define ERROR_OF(fields) error_of(FIELDS("arg=/app\0" fields), sizeof(FIELDS("arg=/app\0" fields)) - 1)

static const char* error_of(const char* text, size_t size) {
  const char* error = parse(text, size);
  return error ? error : "";
}

static void test_defaults(void) {
  WANT(!PARSE(FIELDS("arg=/app\0")));
  WANT(config.arg_count == 1 && strcmp(config.args[0], "/app") == 0 && !config.args[1]);
  WANT(config.uid == 1000 && config.gid == 1000);
  WANT(strcmp(config.cwd, "/") == 0 && strcmp(config.hostname, "unikernel") == 0);
  WANT(config.seccomp && !config.trace && !config.ephemeral_root && !config.has_address && !config.has_gateway);
  WANT(config.env_count == 3 && strcmp(config.env[2], "HOSTNAME=unikernel") == 0 && !config.env[3]);
}

static void test_values(void) {
  WANT(
      !PARSE(FIELDS("arg=a\0arg=\0arg=x=y\nz\xff\0env=A=1\0env=AB=2\0env=A=3\nend=\0cwd=/d\0uid=0\0gid=4294967294\0"
                    "hostname=h-1.x\0address=10.1.2.3/20\0gateway=10.1.0.1\0dns=1.1.1.1\0dns=9.9.9.9\0"
                    "writable=ephemeral\0trace=1\0seccomp=0\0")));
  WANT(config.arg_count == 3 && strcmp(config.args[1], "") == 0 && strcmp(config.args[2], "x=y\nz\xff") == 0);
  WANT(strcmp(config.env[0], "A=3\nend=") == 0 && strcmp(config.env[1], "AB=2") == 0 && config.env_count == 5);
  WANT(config.uid == 0 && config.gid == 4294967294U && config.ephemeral_root && config.trace && !config.seccomp);
  WANT(config.has_address && config.netmask.s_addr == htonl(0xfffff000U) && config.has_gateway);
  WANT(config.dns_count == 2);
  WANT(!PARSE(FIELDS("arg=a\0env=PATH=/x\0env=HOME=/h\0env=HOSTNAME=me\0")) && config.env_count == 3);
  WANT(!PARSE(FIELDS("arg=a\0address=10.0.0.1/0\0")) && config.netmask.s_addr == 0);
}

static void test_mistakes(void) {
  WANT(PARSE("") && PARSE("\0") && PARSE("end=\0") && PARSE("unikctl-guest=2\0arg=a\0end=\0"));
  WANT(PARSE(FIELDS("")) && PARSE(FIELDS("arg=\0")));
  WANT(PARSE("unikctl-guest=1\0arg=a\0") && PARSE("unikctl-guest=1\0arg=a\0end="));
  WANT(PARSE("unikctl-guest=1\0arg=a\0end=\0arg=b\0") && PARSE("unikctl-guest=1\0arg=a\0end=x\0"));
  WANT(strstr(ERROR_OF("surprise=x\0"), "does not know") && strstr(ERROR_OF("noequals\0"), "without '='"));
  WANT(strstr(ERROR_OF("uid=1\0uid=2\0"), "twice"));
  WANT(*ERROR_OF("uid=4294967295\0") && *ERROR_OF("uid=-1\0") && *ERROR_OF("uid=\0") && *ERROR_OF("gid=1x\0"));
  WANT(*ERROR_OF("uid=99999999999999999999999\0"));
  WANT(*ERROR_OF("cwd=app\0") && *ERROR_OF("cwd=\0") && *ERROR_OF("hostname=\0") && *ERROR_OF("hostname=a b\0"));
  WANT(*ERROR_OF("address=10.0.0.1\0") && *ERROR_OF("address=10.0.0.1/33\0") && *ERROR_OF("address=x/8\0"));
  WANT(*ERROR_OF("gateway=10.0.0.1\0") && *ERROR_OF("dns=x\0") &&
       *ERROR_OF("dns=1.1.1.1\0dns=1.1.1.1\0dns=1.1.1.1\0dns=1.1.1.1\0"));
  WANT(*ERROR_OF("env=A\0") && *ERROR_OF("env==x\0") && *ERROR_OF("writable=yes\0") && *ERROR_OF("trace=yes\0"));
  WANT(!strstr(ERROR_OF("hunter2=hunter2\0"), "hunter2"));
}

static void test_bounds(void) {
  static char text[UNIK_GUEST_CONFIG_BYTES_MAX];
  size_t size = 0;

  for (int count = UNIK_GUEST_ENV_MAX; count <= UNIK_GUEST_ENV_MAX + 1; count++) {
    size = (size_t)sprintf(text, "unikctl-guest=1%carg=a", 0) + 1;
    for (int i = 0; i < count; i++) size += (size_t)sprintf(text + size, "env=V%d=", i) + 1;
    size += (size_t)sprintf(text + size, "end=") + 1;
    WANT((parse(text, size) == NULL) == (count == UNIK_GUEST_ENV_MAX));
  }
  for (int count = UNIK_GUEST_ARGS_MAX; count <= UNIK_GUEST_ARGS_MAX + 1; count++) {
    size = (size_t)sprintf(text, "unikctl-guest=1") + 1;
    for (int i = 0; i < count; i++) size += (size_t)sprintf(text + size, "arg=x") + 1;
    size += (size_t)sprintf(text + size, "end=") + 1;
    WANT((parse(text, size) == NULL) == (count == UNIK_GUEST_ARGS_MAX));
  }
}

/* Nothing is asserted but that the sanitizers stay silent. */
static void test_damage(void) {
  static const char good[] = FIELDS(
      "arg=a\0env=A=1\0cwd=/d\0uid=5\0address=10.1.2.3/20\0gateway=10.1.0.1\0dns=1.1.1.1\0"
      "hostname=h\0writable=ephemeral\0trace=1\0");
  char damaged[sizeof good - 1];
  const char bytes[] = {0, '=', '\n', '/', '9', 'e', (char)0xff};

  for (size_t size = 0; size < sizeof good - 1; size++) WANT(parse(good, size));
  for (size_t i = 0; i < sizeof damaged; i++) {
    for (size_t b = 0; b < sizeof bytes; b++) {
      memcpy(damaged, good, sizeof damaged);
      damaged[i] = bytes[b];
      parse(damaged, sizeof damaged);
    }
  }
}

int main(void) {
  test_defaults();
  test_values();
  test_mistakes();
  test_bounds();
  test_damage();
  printf("config_test: %d failures\n", failures);
  return failures != 0;
}
