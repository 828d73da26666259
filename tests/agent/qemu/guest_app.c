// The app inside the VMs of vm_test.cpp: does one thing, named by its first argument, so that each end of a VM can be
// brought about.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_term(int number) {
  (void)number;
  static const char text[] = "stopping\n";
  (void)!write(1, text, sizeof text - 1);
  _exit(0);
}

static int serve(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 128) != 0) return 3;
  puts("ready");
  for (;;) {
    const int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    (void)!write(connection, "hello\n", 6);
    close(connection);
  }
}

// Takes memory until there is none.
static int hog(void) {
  for (;;) {
    char* page = malloc(1 << 20);
    if (page != NULL) memset(page, 1, 1 << 20);
  }
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGTERM, on_term);
  const char* what = argc > 1 ? argv[1] : "hello";
  const char* argument = argc > 2 ? argv[2] : "0";
  printf("app %s\n", what);
  if (strcmp(what, "serve") == 0) return serve(atoi(argument));
  if (strcmp(what, "exit") == 0) return atoi(argument);
  if (strcmp(what, "abort") == 0) abort();
  if (strcmp(what, "hog") == 0) return hog();
  if (strcmp(what, "env") == 0) return puts(getenv(argument) != NULL ? getenv(argument) : "unset") < 0;
  if (strcmp(what, "deaf") == 0) {
    signal(SIGTERM, SIG_IGN);
    puts("deaf now");
  }
  for (;;) pause();
}
