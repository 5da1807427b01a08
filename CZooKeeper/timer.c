#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "czk.h"

struct czk_timer {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t thread;
  bool poked;
  bool stopping;
  bool finished;
  /// The thread and the owner hold one each.
  int holds;
  int64_t (*tick)(void *ctx);
  void (*release)(void *ctx);
  void *ctx;
};

static const int64_t second_ns = INT64_C(1000) * 1000 * 1000;

static void drop(czk_timer *timer) {
  pthread_mutex_lock(&timer->lock);
  bool last = --timer->holds == 0;
  pthread_mutex_unlock(&timer->lock);
  if (!last) return;
  pthread_mutex_destroy(&timer->lock);
  pthread_cond_destroy(&timer->changed);
  free(timer);
}

static struct timespec instant_after(int64_t delay_ns) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  // A day is as good as any longer time: an early tick does no harm, an overflow would.
  if (delay_ns > 86400 * second_ns) delay_ns = 86400 * second_ns;
  int64_t nanoseconds = now.tv_nsec + delay_ns;
  return (struct timespec){.tv_sec = now.tv_sec + nanoseconds / second_ns, .tv_nsec = nanoseconds % second_ns};
}

static void *run(void *argument) {
  czk_timer *timer = argument;
  pthread_mutex_lock(&timer->lock);
  while (!timer->stopping) {
    timer->poked = false;
    pthread_mutex_unlock(&timer->lock);
    int64_t delay = timer->tick(timer->ctx);
    struct timespec until = instant_after(delay > 0 ? delay : 0);
    pthread_mutex_lock(&timer->lock);
    int rc = 0;
    while (!timer->poked && !timer->stopping && rc != ETIMEDOUT) {
      rc = delay < 0 ? pthread_cond_wait(&timer->changed, &timer->lock)
                     : pthread_cond_timedwait(&timer->changed, &timer->lock, &until);
    }
  }
  pthread_mutex_unlock(&timer->lock);
  timer->release(timer->ctx);
  pthread_mutex_lock(&timer->lock);
  timer->finished = true;
  pthread_cond_broadcast(&timer->changed);
  pthread_mutex_unlock(&timer->lock);
  drop(timer);
  return NULL;
}

czk_timer *czk_timer_start(int64_t (*tick)(void *ctx), void (*release)(void *ctx), void *ctx) {
  czk_timer *timer = calloc(1, sizeof(*timer));
  if (timer == NULL) return NULL;
  timer->tick = tick;
  timer->release = release;
  timer->ctx = ctx;
  timer->holds = 2;
  pthread_mutex_init(&timer->lock, NULL);
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&timer->changed, &clock);
  pthread_condattr_destroy(&clock);

  // The thread must find its own id in the struct, so it is kept waiting until that is stored.
  pthread_mutex_lock(&timer->lock);
  int rc = pthread_create(&timer->thread, NULL, run, timer);
  if (rc == 0) pthread_detach(timer->thread);
  pthread_mutex_unlock(&timer->lock);
  if (rc == 0) return timer;
  pthread_mutex_destroy(&timer->lock);
  pthread_cond_destroy(&timer->changed);
  free(timer);
  return NULL;
}

void czk_timer_poke(czk_timer *timer) {
  pthread_mutex_lock(&timer->lock);
  timer->poked = true;
  pthread_cond_broadcast(&timer->changed);
  pthread_mutex_unlock(&timer->lock);
}

void czk_timer_stop(czk_timer *timer) {
  pthread_mutex_lock(&timer->lock);
  timer->stopping = true;
  pthread_cond_broadcast(&timer->changed);
  // A finished thread's id may already be somebody else's, so that is asked first.
  while (!timer->finished && !pthread_equal(timer->thread, pthread_self())) {
    pthread_cond_wait(&timer->changed, &timer->lock);
  }
  pthread_mutex_unlock(&timer->lock);
}

void czk_timer_free(czk_timer *timer) {
  czk_timer_stop(timer);
  drop(timer);
}
