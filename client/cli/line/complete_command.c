/* SPDX-License-Identifier: Apache-2.0 */
/* `completion` prints what makes a shell ask `__complete`, which answers from the command table and from the shop. So
 * what shells complete can't be older than the program.
 *
 * The answer is a line for each candidate: the word, and behind a tab what it means. `__complete -- WORD ... LAST` has
 * the words of the line behind "ordershop"; LAST, which may be empty, is the one to complete. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "client/cli/commands/commands.h"
#include "client/cli/line/completion_scripts.h"
#include "client/cli/line/failure.h"
#include "client/cli/output/terminal_text.h"

enum { SHOP_MS = 500, NAMES_MAX = 1000 };

/* What stands before the word to complete. */
struct line {
  const struct noun *noun;
  const struct verb *verb;
  const struct flag *flag;  /* whose value is to come; NULL if there is none */
  const struct noun *about; /* of `help` */
  const char *joined;       /* "--color=" of --color=WHEN, which candidates begin with; else "" */
  bool lost;                /* a word that is no command: nobody knows what may follow */
  bool no_flags;            /* -- has been */
};

static bool begins(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

static void offer(struct arena *arena, const char *word, const char *meaning, const char *last) {
  if (begins(word, last)) printf("%s\t%s\n", word, terminal_line(arena, meaning));
}

static void offer_words(struct arena *arena, const char *const *words, const char *joined, const char *last) {
  for (; words && *words; words++) {
    if (begins(*words, last)) offer(arena, arena_printf(arena, "%s%s", joined, *words), "", "");
  }
}

/* ---- reading the line ------------------------------------------------------------------------------------------- */

/* All flags that may stand here are in at most four lists. */
static void flag_lists(const struct line *line, const struct flag *lists[4]) {
  lists[0] = line->verb ? line->verb->flags : NULL;
  lists[1] = line->verb ? line->verb->shared : NULL;
  lists[2] = line->noun ? line->noun->flags : NULL;
  lists[3] = command_global_flags;
}

static const struct flag *find_flag(const struct line *line, const char *name, size_t size) {
  const struct flag *lists[4];
  flag_lists(line, lists);
  for (size_t i = 0; i < 4; i++) {
    for (const struct flag *flag = lists[i]; flag && flag->name; flag++) {
      if (strlen(flag->name) == size && memcmp(flag->name, name, size) == 0) return flag;
    }
  }
  return NULL;
}

static void read_word(struct line *line, const char *word) {
  if (line->flag) {
    line->flag = NULL;
  } else if (strcmp(word, "--") == 0) {
    line->no_flags = true;
  } else if (!line->no_flags && begins(word, "--")) {
    const struct flag *flag = find_flag(line, word + 2, strcspn(word + 2, "="));
    bool awaits = flag && flag->value && flag->kind != FLAG_WATCH && !strchr(word, '=');
    line->flag = awaits ? flag : NULL;
  } else if (!line->noun) {
    line->noun = command_noun(word);
    line->lost = !line->noun;
  } else if (line->noun->run == command_help_about) {
    line->about = command_noun(word);
  } else if (!line->verb) {
    line->verb = command_verb(line->noun, word);
  }
}

/* Of --color=au, the flag's value is what is to be completed. Returns the word to complete. */
static const char *split_last(struct arena *arena, struct line *line, const char *last) {
  const char *equals = begins(last, "--") && !line->no_flags && !line->flag ? strchr(last, '=') : NULL;
  if (!equals) return last;
  line->flag = find_flag(line, last + 2, (size_t)(equals - last - 2));
  line->joined = arena_memdup(arena, last, (size_t)(equals - last + 1));
  return equals + 1;
}

/* ---- ids from the shop ------------------------------------------------------------------------------------------ */

/* What tells people which one an id is: the first that a resource has of these. */
static const char *meaning_of(struct arena *arena, const void *resource) {
  static const char *const fields[] = {"name", "subject", "customer_id", "product_id", "order_id", NULL};
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)resource)->descriptor;
  for (size_t i = 0; fields[i]; i++) {
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, fields[i]);
    if (field) return message_field_text(arena, resource, field);
  }
  return "";
}

static bool is_meant(const void *resource, const char *meaning, const char *last) {
  if (begins(message_text(resource, "id"), last)) return true;
  return *last && strncasecmp(meaning, last, strlen(last)) == 0;
}

static void offer_ids_of_page(struct arena *arena, const ProtobufCMessage *page, const char *joined, const char *last) {
  const ProtobufCFieldDescriptor *field = &page->descriptor->fields[0];
  void *const *resources = message_repeated_values(page, field);
  for (size_t i = 0; i < message_repeated_count(page, field); i++) {
    const char *meaning = meaning_of(arena, resources[i]);
    if (!is_meant(resources[i], meaning, last)) continue;
    printf("%s%s\t%s\n", joined, message_text(resources[i], "id"), terminal_line(arena, meaning));
  }
}

/* The first thousand; nothing where the shop is away, for a line is being typed meanwhile. */
static void offer_ids(struct session *session, const char *noun_name, const char *joined, const char *last) {
  const struct noun *noun = command_noun(noun_name);
  const struct verb *list = command_verb(noun, "list");
  const ProtobufCServiceDescriptor *service = ordershop_service_descriptor(noun->service);
  ProtobufCMessage *request =
      message_new(session->arena, protobuf_c_service_descriptor_get_method_by_name(service, list->method)->input);
  const ProtobufCFieldDescriptor *page_size = message_field(request->descriptor, "page_size");
  *(int32_t *)message_member(request, page_size) = NAMES_MAX;
  struct session opened;
  if (!status_is_ok(session_open(session->arena, session->invocation, &opened))) return;
  const struct context context = {.arena = session->arena, .deadline_us = clock_monotonic_us() + SHOP_MS * 1000};
  struct ordershop_answer answer = ordershop_call(opened.client, &context, noun->service, list->method, request);
  if (status_is_ok(answer.status)) offer_ids_of_page(session->arena, answer.message, joined, last);
  session_close(&opened);
}

/* ---- candidates ------------------------------------------------------------------------------------------------- */

static void offer_values(struct session *session, const struct line *line, const char *last) {
  offer_words(session->arena, line->flag->choices, line->joined, last);
  if (line->flag->ids_of) offer_ids(session, line->flag->ids_of, line->joined, last);
}

static void offer_flags(struct arena *arena, const struct line *line, const char *last) {
  const struct flag *lists[4];
  flag_lists(line, lists);
  for (size_t i = 0; i < 4; i++) {
    for (const struct flag *flag = lists[i]; flag && flag->name; flag++) {
      offer(arena, arena_printf(arena, "--%s", flag->name), flag->help, last);
    }
  }
}

static void offer_nouns(struct arena *arena, const char *last) {
  for (const struct noun *const *at = command_nouns; *at; at++) {
    if ((*at)->hidden) continue;
    offer(arena, (*at)->name, (*at)->help, last);
    if ((*at)->alias) offer(arena, (*at)->alias, (*at)->help, last);
  }
}

static void offer_verbs(struct arena *arena, const struct noun *noun, const char *last) {
  for (const struct verb *verb = noun->verbs; verb->name; verb++) offer(arena, verb->name, verb->help, last);
}

static void offer_operands(struct session *session, const struct line *line, const char *last) {
  struct arena *arena = session->arena;
  if (!line->noun) {
    offer_nouns(arena, last);
  } else if (line->about && line->about->verbs) {
    offer_verbs(arena, line->about, last);
  } else if (line->noun->run == command_help_about) {
    offer_nouns(arena, last);
  } else if (!line->noun->verbs) {
    offer_words(arena, line->noun->operand_words, "", last);
  } else if (!line->verb) {
    offer_verbs(arena, line->noun, last);
  } else if (line->verb->operand_ids_of) {
    offer_ids(session, line->verb->operand_ids_of, "", last);
  }
}

int command_complete(struct session *session) {
  const struct invocation *invocation = session->invocation;
  struct line line = {.joined = ""};
  size_t count = invocation->operand_count;
  if (count == 0) return EXIT_DONE;
  for (size_t i = 0; i + 1 < count; i++) read_word(&line, invocation->operands[i]);
  const char *last = split_last(session->arena, &line, invocation->operands[count - 1]);
  if (line.lost) return EXIT_DONE;
  if (line.flag) {
    offer_values(session, &line, last);
  } else if (begins(last, "-") && !line.no_flags) {
    offer_flags(session->arena, &line, last);
  } else {
    offer_operands(session, &line, last);
  }
  return EXIT_DONE;
}

int command_completion(struct session *session) {
  const struct invocation *invocation = session->invocation;
  const char *shell = invocation->operand_count == 1 ? invocation->operands[0] : "";
  const char *script = completion_script(shell);
  if (script) {
    fputs(script, stdout);
    return EXIT_DONE;
  }
  const char *said = invocation->operand_count == 1
                         ? arena_printf(session->arena, "completion: \"%s\" is none of bash, zsh, fish", shell)
                         : "completion needs one of bash, zsh, fish";
  return failure_of_usage(invocation->json,
                          status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage, "%s", said));
}
