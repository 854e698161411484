/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/uuid.h"
#include "loop/blocking.h"
#include "shop_reasons.h"

enum {
  FILE_MODE = 0600,
  NAME_ROOM = UUID_TEXT_SIZE + 8,
  PATIENT_NICE = 10,
};

struct mail_folder {
  const char *path;
  const struct mail_sender *from;
};

/* What a thread does while the coroutine that made it waits. */
struct batch {
  const struct mail_folder *folder;
  struct arena *arena; /* the coroutine's, which leaves it alone meanwhile */
  struct mail_parcel *parcels;
  size_t count;
  const char *failed; /* the step that failed; NULL if there is none */
  int error;
};

/* ---- on the thread ---------------------------------------------------------------------------------------------- */

static int open_folder(const char *path) {
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0 || errno != ENOENT || !folder_make(path)) return folder;
  return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool write_all(int file, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= (size_t)written;
  }
  return true;
}

/* Returns NULL when it is done; otherwise what failed, with errno set. */
static const char *write_file(int folder, const char *id, const struct mail_message *message) {
  char temporary[NAME_ROOM], name[NAME_ROOM];
  snprintf(temporary, sizeof temporary, ".%s.tmp", id);
  snprintf(name, sizeof name, "%s.eml", id);
  int file = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
  if (file < 0) return "create a file in";
  bool written = write_all(file, message->bytes, message->size);
  int error = errno;
  if (close(file) != 0 || !written) {
    if (!written) errno = error;
    return "write a file in";
  }
  return renameat(folder, temporary, folder, name) == 0 ? NULL : "rename a file in";
}

static const char *deliver_one(struct batch *batch, int folder, struct mail_parcel *parcel) {
  if (!uuid_is_valid(parcel->mail->id)) { /* it will be a file's name */
    parcel->outcome = MAIL_REFUSED;
    parcel->reason = "its id is no UUID";
    return NULL;
  }
  struct mail_message message = mail_message_compose(batch->arena, parcel->mail, batch->folder->from, MAIL_FORM_FILE);
  const char *failed = write_file(folder, parcel->mail->id, &message);
  if (!failed) parcel->outcome = MAIL_TAKEN;
  return failed;
}

/* Mails may wait, calls may not: where CPU is short, the thread gives way to others from now on. On Linux a thread has
 * a nice value of its own (setpriority(2)); where it can't be set, nothing is lost. Name look-ups share these threads,
 * and give way, too. */
static void give_way(void) {
  if (getpriority(PRIO_PROCESS, 0) < PATIENT_NICE) (void)setpriority(PRIO_PROCESS, 0, PATIENT_NICE);
}

static void deliver_batch(void *argument) {
  struct batch *batch = argument;
  give_way();
  int folder = open_folder(batch->folder->path);
  if (folder < 0) {
    batch->failed = "open";
    batch->error = errno;
    return;
  }
  for (size_t i = 0; i < batch->count && !batch->failed; i++) {
    batch->failed = deliver_one(batch, folder, &batch->parcels[i]);
    batch->error = errno;
  }
  close(folder);
}

/* ---- on the loop ------------------------------------------------------------------------------------------------ */

struct status mail_folder_open(struct arena *arena, const char *path, const struct mail_sender *from,
                               struct mail_folder **ret_folder) {
  int folder = open_folder(path);
  bool writable = folder >= 0 && faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) == 0;
  int error = errno;
  if (folder >= 0) close(folder);
  if (!writable) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_mail_folder_unwritable,
                        "ORDERSHOP_MAIL_FOLDER: can't write to the mail folder %s: %s", path, strerror(error));
  }
  struct mail_folder *result = arena_alloc(arena, sizeof *result);
  *result = (struct mail_folder){.path = path, .from = from};
  *ret_folder = result;
  return status_ok();
}

coroutine_fn struct status mail_folder_deliver(struct mail_folder *folder, struct context *context,
                                               struct mail_parcel *parcels, size_t count) {
  struct batch batch = {.folder = folder, .arena = context->arena, .parcels = parcels, .count = count};
  blocking_run(deliver_batch, &batch);
  if (!batch.failed) return status_ok();
  return status_error(context->arena, STATUS_UNAVAILABLE, reason_mail_folder_unwritable,
                      "can't %s the mail folder %s: %s", batch.failed, folder->path, strerror(batch.error));
}
