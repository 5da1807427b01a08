#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "internal.h"

static _Atomic(void (*)(int32_t, const char *)) writer;
/// The level that was asked for; the lock is held while it is in force or suspended.
static int32_t asked_level;
static pthread_mutex_t level_lock = PTHREAD_MUTEX_INITIALIZER;

void czk_set_log(int32_t level, void (*write)(int32_t level, const char *message)) {
  atomic_store(&writer, write);
  pthread_mutex_lock(&level_lock);
  asked_level = level;
  zoo_set_debug_level((ZooLogLevel)level);
  pthread_mutex_unlock(&level_lock);
}

int czk_without_warnings(int (*call)(zhandle_t *, const char *), zhandle_t *zh, const char *hosts) {
  // Other clients' lines below an error are left out as well while the call lasts. They are for debugging alone.
  pthread_mutex_lock(&level_lock);
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  int rc = call(zh, hosts);
  zoo_set_debug_level((ZooLogLevel)asked_level);
  pthread_mutex_unlock(&level_lock);
  return rc;
}

/// Splits what the C client has already formatted as "time:pid(thread):ZOO_LEVEL@function@line: text".
void czk_log_line(const char *line) {
  void (*write)(int32_t, const char *) = atomic_load(&writer);
  if (write == NULL) return;
  static const char *const names[] = {"ZOO_ERROR@", "ZOO_WARN@", "ZOO_INFO@", "ZOO_DEBUG@"};
  for (int32_t i = 0; i < 4; i++) {
    const char *start = strstr(line, names[i]);
    if (start == NULL) continue;
    const char *text = strstr(start, ": ");
    write(i + 1, text == NULL ? start : text + 2);
    return;
  }
  write(ZOO_LOG_LEVEL_INFO, line);
}
