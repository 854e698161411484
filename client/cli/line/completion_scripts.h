/* SPDX-License-Identifier: Apache-2.0 */
/* Provides the scripts that make a shell ask `ordershop __complete` for candidates. Any thread. */
#pragma once

/* Returns the script for "bash", "zsh" or "fish", or NULL for another shell. */
const char *completion_script(const char *shell);
