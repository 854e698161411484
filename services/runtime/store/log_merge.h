/* SPDX-License-Identifier: Apache-2.0 */
/* Log merge: which of several logs, each in a Redis of its own, has the next entry in the order of log time.
 *
 * Each log is read by itself, in its own order (stream_reader.h). Its clock gives ever later log times, and an effect
 * is later than its cause wherever that is; but when a log will tell its next entry, and with which log time, the
 * others don't know. So an entry may be handed out when each other log has told its next entry, which is later, or is
 * known to have been read up to that log time: its watermark. Two logs may have the same log time; then that of the log
 * with the lower number comes first. tests/model/merged_logs.py shows why. Pure logic, no I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_merge;

/* Logs are numbered from 0. Of none an entry is known, and each has been read up to 0. The caller owns it; NULL may be
 * freed. */
struct log_merge *log_merge_new(size_t logs);
void log_merge_free(struct log_merge *merge);

/* Says that the next entry of the log, which was read and not handed out yet, has that log time; 0 means that none was
 * read. */
void log_merge_next_of(struct log_merge *merge, size_t log, int64_t log_time);

/* Says that the log has been read up to that log time: that no entry which is not read yet can lie at or before it. */
void log_merge_read_to(struct log_merge *merge, size_t log, int64_t log_time);

/* Says whether there is such a log. Nothing waits for one that nobody has begun yet: what will be appended to it
 * because of an entry of another log is later than that nevertheless. That it is not there must have been found after
 * all entries were read that are handed out because of that: one that was read later may be the effect of the log's
 * first entry. At first all are there. */
void log_merge_exists(struct log_merge *merge, size_t log, bool exists);

/* Tells the log whose next entry comes first of all. Returns false if it can't be told, or if there is none. */
bool log_merge_first(const struct log_merge *merge, size_t *ret_log);

/* Returns the log time up to which the log must be known to have been read before another one's entry can be handed
 * out; 0 if nothing waits for it. If it has no entry up to there, its clock must be moved there. */
int64_t log_merge_awaited_of(const struct log_merge *merge, size_t log);

/* Returns the log time up to which everything of the log has been handed out. */
int64_t log_merge_handed_out(const struct log_merge *merge, size_t log);
