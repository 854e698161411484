/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons of this shop's own errors, which its brand lists (base/reason.h). */
#pragma once

extern const char *const shop_reasons[];

extern const char reason_archive_damaged[];
extern const char reason_archive_lost[];
extern const char reason_archive_mismatch[];
extern const char reason_archive_not_kept[];
extern const char reason_archive_unavailable[];
extern const char reason_archive_under_way[];
extern const char reason_claim_expired[];
extern const char reason_event_folder_unwritable[];
extern const char reason_index_damaged[];
extern const char reason_index_incomplete[];
extern const char reason_index_unwritable[];
extern const char reason_mail_changed[];
extern const char reason_mail_folder_unwritable[];
extern const char reason_mail_sender_invalid[];
extern const char reason_order_being_billed[];
extern const char reason_order_billed[];
extern const char reason_order_claimed[];
extern const char reason_out_of_stock[];
extern const char reason_reservation_expired[];
extern const char reason_smtp_unreachable[];
extern const char reason_stock_out_of_range[];
extern const char reason_stock_reserved[];
extern const char reason_stopping[];
extern const char reason_watch_too_slow[];
