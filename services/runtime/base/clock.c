/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

enum { US_PER_SECOND = 1000000, NS_PER_US = 1000, DAYS_PER_ERA = 146097 };

static int64_t clock_us(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / NS_PER_US;
}

int64_t clock_monotonic_us(void) {
  return clock_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void) {
  return clock_us(CLOCK_REALTIME);
}

static void put_number(char *end, int digits, int64_t number) {
  for (int i = 0; i < digits; i++) {
    *--end = (char)('0' + number % 10);
    number /= 10;
  }
}

/* Puts yyyy-mm-dd. Years begin in March here, so that a leap day is a year's last; an era is 400 years, or 146097 days.
 */
static void put_date(char *text, int64_t days_since_1970) {
  int64_t days = days_since_1970 + 719468; /* since 0000-03-01 */
  int64_t day_of_era = days % DAYS_PER_ERA;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
  put_number(text + 4, 4, days / DAYS_PER_ERA * 400 + year_of_era + (month >= 10));
  put_number(text + 7, 2, month < 10 ? month + 3 : month - 9);
  put_number(text + 10, 2, day_of_year - (153 * month + 2) / 5 + 1);
}

void clock_text(int64_t unix_us, char text[CLOCK_TEXT_SIZE]) {
  const int64_t us_per_day = INT64_C(86400) * US_PER_SECOND;
  int64_t day = unix_us / us_per_day - (unix_us % us_per_day < 0);
  int64_t us = unix_us - day * us_per_day, seconds = us / US_PER_SECOND;
  memcpy(text, "0000-00-00T00:00:00.000000Z", CLOCK_TEXT_SIZE);
  put_date(text, day);
  put_number(text + 13, 2, seconds / 3600);
  put_number(text + 16, 2, seconds / 60 % 60);
  put_number(text + 19, 2, seconds % 60);
  put_number(text + 26, 6, us % US_PER_SECOND);
}
