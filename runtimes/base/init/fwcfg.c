/* fw_cfg by port I/O. It needs no driver, works before anything is mounted, and because the kernel has no fw_cfg
 * driver, the app never sees the file; so secrets in the configuration touch no disk and no file system. */
#include <errno.h>
#include <string.h>
#include <sys/io.h>

#include "init.h"

enum {
  SELECTOR_PORT = 0x510,
  DATA_PORT = 0x511,
  ITEM_SIGNATURE = 0x00,
  ITEM_DIRECTORY = 0x19,
  DIRECTORY_ENTRIES_MAX = 512,
};

/* An entry of the directory, as the device gives it: numbers are big-endian. */
struct directory_entry {
  uint8_t size[4];
  uint8_t selector[2];
  uint8_t reserved[2];
  char name[56];
};

static uint32_t big_endian32(const uint8_t* bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void read_data(void* buffer, size_t size) {
  insb(DATA_PORT, buffer, size);
}

static long read_selected(const char* name, char* buffer, size_t capacity, const char** error) {
  char signature[4];
  uint8_t count_bytes[4];
  uint32_t count = 0;

  outw(ITEM_SIGNATURE, SELECTOR_PORT);
  read_data(signature, sizeof signature);
  if (memcmp(signature, "QEMU", sizeof signature) != 0) {
    *error = "the machine has no fw_cfg device";
    return -1;
  }

  outw(ITEM_DIRECTORY, SELECTOR_PORT);
  read_data(count_bytes, sizeof count_bytes);
  count = big_endian32(count_bytes);
  if (count > DIRECTORY_ENTRIES_MAX) {
    *error = "the fw_cfg directory is not plausible";
    return -1;
  }

  for (uint32_t i = 0; i < count; i++) {
    struct directory_entry entry;
    uint32_t size = 0;

    read_data(&entry, sizeof entry);
    entry.name[sizeof entry.name - 1] = '\0';
    if (strcmp(entry.name, name) != 0) continue;

    size = big_endian32(entry.size);
    if (size > capacity) {
      *error = "the configuration is larger than 262144 bytes";
      return -1;
    }
    outw((uint16_t)(entry.selector[0] << 8 | entry.selector[1]), SELECTOR_PORT);
    read_data(buffer, size);
    return size;
  }
  *error = "the machine has no fw_cfg file " UNIK_GUEST_CONFIG_FW_CFG;
  return -1;
}

long read_fw_cfg(const char* name, char* buffer, size_t capacity, const char** error) {
  long size = 0;

  if (ioperm(SELECTOR_PORT, 2, 1) != 0) {
    *error = strerror(errno);
    return -1;
  }
  size = read_selected(name, buffer, capacity, error);
  /* An io permission outlives fork and exec: given back here, no app can ever read the configuration again. */
  ioperm(SELECTOR_PORT, 2, 0);
  return size;
}
