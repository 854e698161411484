/* SPDX-License-Identifier: Apache-2.0 */
#include "shop_reasons.h"

#include <stddef.h>

const char reason_archive_damaged[] = "ARCHIVE_DAMAGED";
const char reason_archive_lost[] = "ARCHIVE_LOST";
const char reason_archive_mismatch[] = "ARCHIVE_MISMATCH";
const char reason_archive_not_kept[] = "ARCHIVE_NOT_KEPT";
const char reason_archive_unavailable[] = "ARCHIVE_UNAVAILABLE";
const char reason_archive_under_way[] = "ARCHIVE_UNDER_WAY";
const char reason_claim_expired[] = "CLAIM_EXPIRED";
const char reason_event_folder_unwritable[] = "EVENT_FOLDER_UNWRITABLE";
const char reason_index_damaged[] = "INDEX_DAMAGED";
const char reason_index_incomplete[] = "INDEX_INCOMPLETE";
const char reason_index_unwritable[] = "INDEX_UNWRITABLE";
const char reason_mail_changed[] = "MAIL_CHANGED";
const char reason_mail_folder_unwritable[] = "MAIL_FOLDER_UNWRITABLE";
const char reason_mail_sender_invalid[] = "MAIL_SENDER_INVALID";
const char reason_order_being_billed[] = "ORDER_BEING_BILLED";
const char reason_order_billed[] = "ORDER_BILLED";
const char reason_order_claimed[] = "ORDER_CLAIMED";
const char reason_out_of_stock[] = "OUT_OF_STOCK";
const char reason_reservation_expired[] = "RESERVATION_EXPIRED";
const char reason_smtp_unreachable[] = "SMTP_UNREACHABLE";
const char reason_stock_out_of_range[] = "STOCK_OUT_OF_RANGE";
const char reason_stock_reserved[] = "STOCK_RESERVED";
const char reason_stopping[] = "STOPPING";
const char reason_watch_too_slow[] = "WATCH_TOO_SLOW";

const char *const shop_reasons[] = {
    reason_archive_damaged,
    reason_archive_lost,
    reason_archive_mismatch,
    reason_archive_not_kept,
    reason_archive_unavailable,
    reason_archive_under_way,
    reason_claim_expired,
    reason_event_folder_unwritable,
    reason_index_damaged,
    reason_index_incomplete,
    reason_index_unwritable,
    reason_mail_changed,
    reason_mail_folder_unwritable,
    reason_mail_sender_invalid,
    reason_order_being_billed,
    reason_order_billed,
    reason_order_claimed,
    reason_out_of_stock,
    reason_reservation_expired,
    reason_smtp_unreachable,
    reason_stock_out_of_range,
    reason_stock_reserved,
    reason_stopping,
    reason_watch_too_slow,
    NULL,
};
