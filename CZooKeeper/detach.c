#include <pthread.h>
#include <stdlib.h>

#include "czk.h"

typedef struct detached {
  void (*run)(void *ctx);
  void *ctx;
} detached;

static void *run(void *argument) {
  detached call = *(detached *)argument;
  free(argument);
  call.run(call.ctx);
  return NULL;
}

bool czk_detach(void (*function)(void *ctx), void *ctx) {
  detached *call = malloc(sizeof(*call));
  if (call == NULL) return false;
  *call = (detached){function, ctx};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  int rc = pthread_create(&thread, &attributes, run, call);
  pthread_attr_destroy(&attributes);
  if (rc != 0) free(call);
  return rc == 0;
}
