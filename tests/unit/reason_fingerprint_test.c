/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons of one kind have one fingerprint, others have others. */
#include "consumer/reason_fingerprint.h"

#include <stdbool.h>
#include <string.h>

#include "suite.h"

static bool are_of_one_kind(const char *left, const char *right) {
  char one[FINGERPRINT_SIZE], other[FINGERPRINT_SIZE];
  reason_fingerprint(left, one);
  reason_fingerprint(right, other);
  CU_ASSERT_EQUAL(strlen(one), FINGERPRINT_SIZE - 1);
  CU_ASSERT_EQUAL(strspn(one, "0123456789abcdef"), FINGERPRINT_SIZE - 1);
  return strcmp(one, other) == 0;
}

static void test_particulars_make_no_difference(void) {
  CU_ASSERT_TRUE(are_of_one_kind("WORK_REFUSED: order 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa can't be created",
                                 "WORK_REFUSED: order 76131f90-36f5-4ce4-8516-0685a3dccc54 can't be created"));
  CU_ASSERT_TRUE(are_of_one_kind("it has version 3, not 4", "it has version 12, not 7"));
  CU_ASSERT_TRUE(are_of_one_kind("\"17x\" is no log time", "\"a longer text\" is no log time"));
  CU_ASSERT_TRUE(are_of_one_kind("no mail for ada@example.com", "no mail for grace@example.org"));
  CU_ASSERT_TRUE(are_of_one_kind("entry 1548699678802-91 is gone", "entry 1795460356547-7 is gone"));
}

static void test_other_reasons_differ(void) {
  CU_ASSERT_FALSE(are_of_one_kind("REFUSED: as asked", "REFUSED: as told"));
  CU_ASSERT_FALSE(are_of_one_kind("it has no event_id", "its entity is no ordershop.v1.Customer"));
  CU_ASSERT_FALSE(are_of_one_kind("", "x"));
  CU_ASSERT_FALSE(are_of_one_kind("one 7", "one 7 8"));
}

static void test_odd_texts(void) {
  CU_ASSERT_TRUE(are_of_one_kind("", ""));
  CU_ASSERT_FALSE(are_of_one_kind("an open \" quote", "an open quote"));
  CU_ASSERT_TRUE(are_of_one_kind("\"\" is empty", "\"1\" is empty"));
  CU_ASSERT_FALSE(are_of_one_kind("\xff\xfe", "\xff"));
}

/* Whoever has noted one must find it again after an upgrade. */
static void test_stays_the_same(void) {
  char fingerprint[FINGERPRINT_SIZE];
  reason_fingerprint("REFUSED: as asked", fingerprint);
  CU_ASSERT_STRING_EQUAL(fingerprint, "d9bd83f4f101d045");
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"ids, numbers, quoted texts and addresses make no difference", test_particulars_make_no_difference},
      {"reasons that differ in words are of different kinds", test_other_reasons_differ},
      {"odd texts have a fingerprint, too", test_odd_texts},
      {"a fingerprint is the same in every version", test_stays_the_same},
  };
  return suite_main("reason fingerprint", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
