/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager hears, at a socket of the test's own. */
#include "base/systemd_notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"

/* Listens at a path, or at an abstract name if it begins with '@'. */
static int listen_at(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(name);
  memcpy(address.sun_path, name, length);
  if (*name == '@') address.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, size), 0);
  return fd;
}

/* A datagram is there as soon as it has been sent. */
static void check_heard(int fd, const char *expected) {
  char heard[64] = "";
  (void)recv(fd, heard, sizeof heard - 1, 0);
  CU_ASSERT_STRING_EQUAL(heard, expected);
}

static void tells_the_socket_in_the_environment(void) {
  char path[108];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%.90s/notify.%d", folder ? folder : "/tmp", (int)getpid());
  int fd = listen_at(path);
  setenv("NOTIFY_SOCKET", path, 1);
  systemd_notify("READY=1");
  check_heard(fd, "READY=1");
  close(fd);
  unlink(path);
}

static void tells_an_abstract_socket(void) {
  char name[64];
  snprintf(name, sizeof name, "@ordershop-notify-%d", (int)getpid());
  int fd = listen_at(name);
  setenv("NOTIFY_SOCKET", name, 1);
  systemd_notify("STOPPING=1");
  check_heard(fd, "STOPPING=1");
  close(fd);
}

static void survives_a_manager_that_is_not_there(void) {
  char path[256];
  memset(path, 'x', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  setenv("NOTIFY_SOCKET", path, 1);
  systemd_notify("READY=1");
  setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
  systemd_notify("READY=1");
  unsetenv("NOTIFY_SOCKET");
  systemd_notify("READY=1");
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"tells the socket that the environment names", tells_the_socket_in_the_environment},
      {"tells an abstract socket", tells_an_abstract_socket},
      {"goes on where no manager listens, or none can", survives_a_manager_that_is_not_there},
  };
  return suite_main("systemd_notify", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
