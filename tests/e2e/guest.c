/* The app inside the VMs of the end-to-end tests: does what its words say, in order.
 *
 *   say TEXT       prints a line
 *   ask TEXT       prints it without a line end
 *   count N        prints N numbered lines
 *   tick MS        prints a numbered line each MS milliseconds, for ever
 *   sleep MS       waits
 *   exit CODE      ends
 *   eat            takes memory until there is none
 *   delay MS       what follows answers HTTP so long after it was asked
 *   serve PORT     answers HTTP: / is 200 `well` (or 503 after /ill), /exit/CODE ends the app, /eat takes all memory
 *   accept PORT    accepts connections and says nothing
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(const char* port) {
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;

  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (const struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 64) != 0) {
    perror("listen");
    exit(1);
  }
  printf("listening on %s\n", port);
  return fd;
}

static void eat(void) {
  for (;;) {
    char* piece = malloc(1 << 20);
    if (piece != NULL) memset(piece, 1, 1 << 20);
  }
}

static useconds_t delay = 0;

static void serve(const char* port) {
  const int listener = listen_on(port);
  int ill = 0;

  for (;;) {
    char request[2048] = "";
    char answer[128];
    const int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    if (read(client, request, sizeof request - 1) > 0) {
      usleep(delay);
      if (strncmp(request, "GET /exit/", 10) == 0) exit(atoi(request + 10));
      if (strncmp(request, "GET /eat", 8) == 0) eat();
      if (strncmp(request, "GET /ill", 8) == 0) ill = 1;
      snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nContent-Length: 5\r\nConnection: close\r\n\r\n%s",
               ill ? "503 Ill" : "200 OK", ill ? "ill \n" : "well\n");
      (void)!write(client, answer, strlen(answer));
    }
    close(client);
  }
}

static void count(long lines, useconds_t pause) {
  for (long line = 1; lines == 0 || line <= lines; line++) {
    printf("line %ld\n", line);
    if (pause > 0) usleep(pause);
  }
}

int main(int words, char** word) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  for (int i = 1; i < words; i++) {
    const char* what = word[i];
    const char* value = i + 1 < words ? word[i + 1] : "";
    if (strcmp(what, "eat") == 0) eat();
    if (strcmp(what, "say") == 0) puts(value);
    if (strcmp(what, "ask") == 0) {
      fputs(value, stdout);
      fflush(stdout);
    }
    if (strcmp(what, "count") == 0) count(atol(value), 0);
    if (strcmp(what, "tick") == 0) count(0, (useconds_t)atol(value) * 1000);
    if (strcmp(what, "sleep") == 0) usleep((useconds_t)atol(value) * 1000);
    if (strcmp(what, "exit") == 0) return atoi(value);
    if (strcmp(what, "delay") == 0) delay = (useconds_t)atol(value) * 1000;
    if (strcmp(what, "serve") == 0) serve(value);
    if (strcmp(what, "accept") == 0) {
      listen_on(value);
      for (;;) pause();
    }
    i++;
  }
  return 0;
}
