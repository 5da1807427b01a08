#include "prepared_process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

extern char **environ;

/// Runs in the new process, whose memory is a copy of one with other threads: nothing here may take a lock.
static void begin(
    char *const arguments[], char *const environment[], const sigset_t *mask, int gate, int report) {
  char go;
  ssize_t count;
  do {
    count = read(gate, &go, 1);
  } while (count < 0 && errno == EINTR);
  if (count != 1) _exit(127);
  // The handlers are those of the old program.
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0) continue;
    if (action.sa_handler == SIG_IGN && number != SIGPIPE) continue;
    if (action.sa_handler != SIG_DFL) signal(number, SIG_DFL);
  }
  sigprocmask(SIG_SETMASK, mask, NULL);
  environ = (char **)environment;
  execvp(arguments[0], arguments);
  int error = errno;
  while (write(report, &error, sizeof error) < 0 && errno == EINTR) {
  }
  _exit(127);
}

static void close_both(int ends[2]) {
  close(ends[0]);
  close(ends[1]);
}

int prepare_process(
    char *const arguments[], char *const environment[], const sigset_t *mask, struct prepared_process *prepared) {
  int gate[2], report[2];
  if (pipe(gate) != 0) return errno;
  if (pipe(report) != 0) {
    int error = errno;
    close_both(gate);
    return error;
  }
  int ends[] = {gate[0], gate[1], report[0], report[1]};
  for (int index = 0; index < 4; index++) fcntl(ends[index], F_SETFD, FD_CLOEXEC);
  // No handler of ours may run in the new process.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  int error = errno;
  if (pid == 0) {
    setpgid(0, 0);
    close(gate[1]);
    close(report[0]);
    begin(arguments, environment, mask, gate[0], report[1]);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(gate[0]);
  close(report[1]);
  if (pid < 0) {
    close(gate[1]);
    close(report[0]);
    return error;
  }
  // Whichever of the two comes first.
  setpgid(pid, pid);
  prepared->pid = pid;
  prepared->gate = gate[1];
  prepared->report = report[0];
  return 0;
}
