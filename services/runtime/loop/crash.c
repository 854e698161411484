/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/crash.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/poison.h"
#include "loop/coroutine.h"
#include "loop/label.h"
#include "loop/scheduler.h"

#ifdef ADDRESS_SANITIZED
void crash_watch(void) {}
#else

enum { HANDLER_STACK_BYTES = 64 * 1024 }; /* the kernel stores some 12 KiB of registers on it, the handler needs 2 */

static const struct fault {
  int number;
  const char *name;
} faults[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"}};

enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static const char *name_of(int number) {
  size_t i = 0;
  while (i + 1 < FAULTS && faults[i].number != number) i++;
  return faults[i].name;
}

/* Signals that the processor raises have an address: of memory, or of the instruction. */
static const char *address_text(const siginfo_t *info) {
  static char text[] = "0x0000000000000000";
  uintptr_t address = (uintptr_t)info->si_addr;
  for (char *digit = text + sizeof(text) - 2; digit > text + 1; digit--) {
    *digit = "0123456789abcdef"[address & 15];
    address >>= 4;
  }
  return text;
}

/* Async-signal-safe, as is all that it calls. A field that the label lacks is NULL, which ends the list. */
static void on_fault(int number, siginfo_t *info, void *registers) {
  (void)registers;
  bool sent = info->si_code <= 0; /* by kill or abort, here or elsewhere */
  const struct coroutine *self = coroutine_self();
  bool overflow = number == SIGSEGV && !sent && self && stack_guards(&self->stack, info->si_addr);
  struct label label = label_here();
  log_crash(
      overflow ? "crashed: a coroutine's stack is used up, by large local variables or deep recursion" : "crashed",
      "signal", name_of(number), "address", sent ? "" : address_text(info), label.kind, label.name,
      label.entry ? "entry" : NULL, label.entry, label.key ? "key" : NULL, label.key, NULL);
  if (sent) raise(number);
}

void crash_watch(void) {
  static _Alignas(16) char stack[HANDLER_STACK_BYTES];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
  for (size_t i = 0; i < FAULTS; i++) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    sigaction(faults[i].number, &action, NULL);
  }
}
#endif
