// What the C programs of the comparison share: arguments, time, samples, the handshake with the driver, the line of JSON.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { NAMES_AT_MOST = 100000 };

static int argument_count;
static char **arguments;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

// The value of KEY in `PROGRAM PEER WORKLOAD key=value…`.
static const char *text_argument(const char *key, const char *fallback) {
  size_t length = strlen(key);
  for (int i = 3; i < argument_count; i++) {
    if (strncmp(arguments[i], key, length) == 0 && arguments[i][length] == '=') return arguments[i] + length + 1;
  }
  return fallback;
}

static long number_argument(const char *key, long fallback) {
  const char *text = text_argument(key, NULL);
  return text ? atol(text) : fallback;
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

// A generator for each worker, so that they do not all take the same names.
static int random_below(uint64_t *state, int limit) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (int)((*state >> 33) % (uint64_t)limit);
}

// Times in microseconds.
typedef struct {
  float *values;
  size_t count, room;
} Samples;

static void add_sample(Samples *samples, double seconds) {
  if (samples->count == samples->room) {
    samples->room = samples->room ? 2 * samples->room : 1024;
    samples->values = realloc(samples->values, samples->room * sizeof *samples->values);
    if (!samples->values) fail("realloc");
  }
  samples->values[samples->count++] = (float)(seconds * 1e6);
}

static int compare_floats(const void *left, const void *right) {
  float a = *(const float *)left, b = *(const float *)right;
  return (a > b) - (a < b);
}

static double percentile(Samples *samples, double share) {
  if (samples->count == 0) return 0;
  qsort(samples->values, samples->count, sizeof *samples->values, compare_floats);
  size_t index = (size_t)(share * (double)samples->count);
  return samples->values[index < samples->count ? index : samples->count - 1];
}

static double cpu_at_start;

// Tells the driver that the timed part begins, and waits for its go. Returns the time.
static double begin(void) {
  if (getenv("BENCH_SYNC")) {
    puts("BEGIN");
    fflush(stdout);
    for (int c = getchar(); c != '\n' && c != EOF; c = getchar()) {}
  }
  cpu_at_start = cpu_seconds();
  return seconds_now();
}

// `counts` are the operations of each worker.
static void report(Samples *whole, Samples *acquire, const long *counts, int workers, long violations, double seconds) {
  double cpu = cpu_seconds() - cpu_at_start;
  long total = 0, least = counts[0], most = counts[0];
  for (int i = 0; i < workers; i++) {
    total += counts[i];
    if (counts[i] < least) least = counts[i];
    if (counts[i] > most) most = counts[i];
  }
  printf("{\"peer\":\"%s\",\"workload\":\"%s\",\"sessions\":\"%s\",\"ops\":%ld,\"secs\":%.4f,\"rate\":%.1f,\"p50_us\":%.1f,"
         "\"p99_us\":%.1f,\"acq_p50_us\":%.1f,\"acq_p99_us\":%.1f,\"min\":%ld,\"max\":%ld,\"violations\":%ld,\"cpu_us\":%.1f}\n",
         arguments[1], arguments[2], text_argument("sessions", "shared"), total, seconds, (double)total / seconds,
         percentile(whole, 0.5), percentile(whole, 0.99), percentile(acquire, 0.5), percentile(acquire, 0.99), least, most,
         violations, cpu * 1e6 / (double)(total ? total : 1));
  fflush(stdout);
}
