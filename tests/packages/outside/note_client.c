/* SPDX-License-Identifier: Apache-2.0 */
/* note_client ADDRESS TEXT: writes a note, reads it back and prints its text and version. */
#include <notes/v1/note.pb-c.h>
#include <stdio.h>

#include "base/clock.h"
#include "notebook_brand.h"
#include "rpc/rpc_blocking_client.h"

static int fail(struct status status) {
  fprintf(stderr, "note_client: %s\n", status.message);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct arena *arena = arena_new();
  struct rpc_blocking_channel *channel;
  const struct rpc_channel_options options = {.brand = &notebook_brand, .peer = "note", .wait_for_ready = true};
  struct status status = rpc_blocking_channel_open(arena, argv[1], &options, &channel);
  if (!status_is_ok(status)) return fail(status);
  const ProtobufCServiceDescriptor *service = &notes__v1__note_service__descriptor;
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + 20 * 1000 * 1000};

  Notes__V1__Note note = NOTES__V1__NOTE__INIT;
  note.text = argv[2];
  Notes__V1__CreateNoteRequest create = NOTES__V1__CREATE_NOTE_REQUEST__INIT;
  create.note = &note;
  struct rpc_reply created = rpc_blocking_call(channel, &context, service, "CreateNote", &create);
  if (!status_is_ok(created.status)) return fail(created.status);

  Notes__V1__GetNoteRequest get = NOTES__V1__GET_NOTE_REQUEST__INIT;
  get.id = ((const Notes__V1__Note *)created.message)->id;
  struct rpc_reply got = rpc_blocking_call(channel, &context, service, "GetNote", &get);
  if (!status_is_ok(got.status)) return fail(got.status);
  const Notes__V1__Note *read = got.message;
  printf("%s %d\n", read->text, (int)read->version);
  rpc_blocking_channel_close(channel);
  arena_free(arena);
  return 0;
}
