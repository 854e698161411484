/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a shell ask `ordershop __complete` for candidates. Any thread. */
#pragma once

/* The script for "bash", "zsh" or "fish"; NULL for another shell. */
const char *completion_script(const char *shell);
