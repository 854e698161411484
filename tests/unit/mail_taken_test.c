/* SPDX-License-Identifier: Apache-2.0 */
/* Which mails a process remembers to have handed on. */
#include "mail_taken.h"

#include <stdio.h>

#include "suite.h"

static struct mail_taken taken;

/* Each four of them begin alike, and want the same slot. */
static void id_of(int number, char ret_id[37]) {
  snprintf(ret_id, 37, "%08x-0000-4000-8000-%012d", (unsigned)(number / 4) * 2654435761U, number);
}

static void note(int number) {
  char id[37];
  id_of(number, id);
  mail_taken_note(&taken, id);
}

static bool has(int number) {
  char id[37];
  id_of(number, id);
  return mail_taken_has(&taken, id);
}

static void only_those_that_were_noted_are_remembered(void) {
  CU_ASSERT_FALSE(has(1));
  note(1);
  CU_ASSERT_TRUE(has(1));
  CU_ASSERT_FALSE(has(2));
}

static void the_last_4096_are_remembered_and_not_all_there_ever_were(void) {
  for (int number = 0; number < 20000; number++) {
    note(number);
    if (number >= 4095) CU_ASSERT_TRUE(has(number - 4095));
  }
  CU_ASSERT_FALSE(has(20000 - 2 * 4096 - 1));
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"only those that were noted are remembered", only_those_that_were_noted_are_remembered},
      {"the last 4,096 are remembered, and not all there ever were",
       the_last_4096_are_remembered_and_not_all_there_ever_were},
  };
  return suite_main("mail taken", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
