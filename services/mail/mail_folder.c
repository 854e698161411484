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
  /* In it, for files that are being written. Few are there at a time, so the file system finds and drops a name in less
   * time than beside all mails. */
  const char *unfinished;
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

/* Both folders while a batch is delivered; -1 stands for one that isn't open. */
struct folders {
  int mails, unfinished;
};

static void close_folders(struct folders folders) {
  int error = errno;
  if (folders.unfinished >= 0) close(folders.unfinished);
  if (folders.mails >= 0) close(folders.mails);
  errno = error;
}

/* Returns false if it can't open one, or make one that is missing; errno says why. */
static bool open_folders(const struct mail_folder *folder, struct folders *ret_folders) {
  struct folders folders = {.mails = open_folder(folder->path), .unfinished = -1};
  if (folders.mails >= 0) folders.unfinished = open_folder(folder->unfinished);
  if (folders.unfinished < 0) close_folders(folders);
  *ret_folders = folders;
  return folders.unfinished >= 0;
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
static const char *write_file(struct folders folders, const char *id, const struct mail_message *message) {
  char name[NAME_ROOM];
  snprintf(name, sizeof name, "%s.eml", id);
  int file = openat(folders.unfinished, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
  if (file < 0) return "create a file in";
  bool written = write_all(file, message->bytes, message->size);
  int error = errno;
  if (close(file) != 0 || !written) {
    if (!written) errno = error;
    return "write a file in";
  }
  return renameat(folders.unfinished, name, folders.mails, name) == 0 ? NULL : "rename a file in";
}

static const char *deliver_one(struct batch *batch, struct folders folders, struct mail_parcel *parcel) {
  if (!uuid_is_valid(parcel->mail->id)) { /* it will be a file's name */
    parcel->outcome = MAIL_REFUSED;
    parcel->reason = "its id is no UUID";
    return NULL;
  }
  struct mail_message message = mail_message_compose(batch->arena, parcel->mail, batch->folder->from, MAIL_FORM_FILE);
  const char *failed = write_file(folders, parcel->mail->id, &message);
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
  struct folders folders;
  if (!open_folders(batch->folder, &folders)) {
    batch->failed = "open";
    batch->error = errno;
    return;
  }
  for (size_t i = 0; i < batch->count && !batch->failed; i++) {
    batch->failed = deliver_one(batch, folders, &batch->parcels[i]);
    batch->error = errno;
  }
  close_folders(folders);
}

/* ---- on the loop ------------------------------------------------------------------------------------------------ */

static bool is_writable(int folder) {
  return faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

struct status mail_folder_open(struct arena *arena, const char *path, const struct mail_sender *from,
                               struct mail_folder **ret_folder) {
  struct mail_folder *result = arena_alloc(arena, sizeof *result);
  *result = (struct mail_folder){.path = path, .unfinished = arena_printf(arena, "%s/.tmp", path), .from = from};
  struct folders folders;
  bool opened = open_folders(result, &folders);
  bool writable = opened && is_writable(folders.mails) && is_writable(folders.unfinished);
  if (opened) close_folders(folders);
  if (!writable) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_mail_folder_unwritable,
                        "ORDERSHOP_MAIL_FOLDER: can't write to the mail folder %s: %s", path, strerror(errno));
  }
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
