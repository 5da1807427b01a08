#ifndef LATCHKEY_PREPARED_PROCESS_H
#define LATCHKEY_PREPARED_PROCESS_H

#include <signal.h>
#include <sys/types.h>

/// A process that has a number and a group of its own, and has not begun to run its program.
struct prepared_process {
  pid_t pid;
  /// One byte written here lets it begin. If the end is closed before, or with its owner, it exits and runs nothing.
  int gate;
  /// Says how the program began: the end of the file if it did, else an `errno`.
  int report;
};

/// Makes one. No other thread may start processes meanwhile: they would inherit the descriptors.
///
/// `posix_spawn` returns when the program runs already: too late to name the process to a watchdog that has to end it.
///
/// @param arguments The program, looked up in `PATH` if its name has no slash, and its arguments; ended by NULL.
/// @param environment The program's environment, ended by NULL.
/// @param mask The signals that are blocked when the program begins. SIGPIPE has its default action then; what is ignored stays
///   ignored.
/// @return 0, or an `errno`.
int prepare_process(
    char *const arguments[], char *const environment[], const sigset_t *mask, struct prepared_process *prepared);

#endif
