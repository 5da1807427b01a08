#include <stdlib.h>
#include <string.h>

#include "scan.h"

/// Numbers from here on may be out of order: the server's counter sticks after 2^31 - 1.
static const int64_t wrap_limit = (INT64_C(1) << 31) - (INT64_C(1) << 20);

/// The place of the first marker that a name ends with; -1 if there is none.
static int32_t marker_at_end(const char *name, size_t length, const char *markers) {
  for (int32_t place = 0; *markers != '\0'; place++) {
    size_t size = strcspn(markers, "\n");
    if (size > 0 && size <= length && memcmp(name + length - size, markers, size) == 0) return place;
    markers += size;
    if (*markers == '\n') markers++;
  }
  return -1;
}

/// Reads the marker and the number of a sequential node. Returns false if the name is none, or its number does not fit.
static bool parse(const char *name, czk_markers markers, int32_t *marker, int64_t *number) {
  size_t length = strlen(name);
  size_t start = length;
  while (start > 0 && name[start - 1] >= '0' && name[start - 1] <= '9') start--;
  if (start == length) return false;
  bool negative = false;
  *marker = marker_at_end(name, start, markers.text);
  if (*marker < 0) {
    if (start == 0 || name[start - 1] != '-') return false;
    *marker = marker_at_end(name, start - 1, markers.text);
    if (*marker < 0) return false;
    negative = true;
  }
  // The server writes at least ten characters, sign included: `orders/lock-7` is a node of its own, none of `orders`' sequential ones.
  if (length - (negative ? start - 1 : start) < 10) return false;
  int64_t value = 0;
  for (size_t i = start; i < length; i++) {
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, name[i] - '0', &value)) return false;
  }
  *number = negative ? -value : value;
  return true;
}

static bool comes_before(int64_t number, const char *name, int64_t other_number, const char *other_name) {
  return number != other_number ? number < other_number : strcmp(name, other_name) < 0;
}

/// Collects the names that a test accepts: counted in a first pass, so that nothing is allocated where there are none.
static const char **collect(const char *const *names, int32_t count, int32_t wanted, czk_markers markers,
                            const char *prefix) {
  const char **list = malloc((size_t)wanted * sizeof(*list));
  if (list == NULL) return NULL;
  size_t prefix_length = prefix == NULL ? 0 : strlen(prefix);
  int32_t found = 0;
  int32_t marker;
  int64_t number;
  for (int32_t i = 0; i < count && found < wanted; i++) {
    bool taken = prefix == NULL ? parse(names[i], markers, &marker, &number) : strncmp(names[i], prefix, prefix_length) == 0;
    if (taken) list[found++] = names[i];
  }
  return list;
}

bool czk_scan_into(czk_scan *scan, czk_scan_lists *lists, const char *const *names, int32_t count, const char *own,
                   const char *match_prefix, czk_markers markers) {
  memset(scan, 0, sizeof(*scan));
  memset(lists, 0, sizeof(*lists));
  int32_t own_marker;
  int64_t own_number = 0;
  bool has_own = own != NULL && parse(own, markers, &own_marker, &own_number);
  bool own_present = false;
  int32_t before_own = 0;
  int64_t first_number = 0;
  int64_t foreign_number = 0;
  int64_t nearest_number = 0;
  size_t prefix_length = match_prefix == NULL ? 0 : strlen(match_prefix);

  for (int32_t i = 0; i < count; i++) {
    const char *name = names[i];
    if (match_prefix != NULL && strncmp(name, match_prefix, prefix_length) == 0) scan->match_count++;
    int32_t marker;
    int64_t number;
    if (!parse(name, markers, &marker, &number)) continue;
    scan->count++;
    if (number < 0 || number >= wrap_limit) scan->wraps = true;
    if (scan->first == NULL || comes_before(number, name, first_number, scan->first)) {
      scan->first = name;
      first_number = number;
    }
    bool is_foreign = (markers.foreign >> marker & 1) != 0;
    if (is_foreign && (scan->foreign == NULL || comes_before(number, name, foreign_number, scan->foreign))) {
      scan->foreign = name;
      foreign_number = number;
    }
    if (own != NULL) {
      if (!has_own) continue;
      if (number == own_number && strcmp(name, own) == 0) {
        own_present = true;
        continue;
      }
      if (!comes_before(number, name, own_number, own)) continue;
      before_own++;
    }
    if (marker >= markers.blocking) continue;
    scan->blockers++;
    if (scan->nearest == NULL || comes_before(nearest_number, scan->nearest, number, name)) {
      scan->nearest = name;
      scan->nearest_marker = marker;
      nearest_number = number;
    }
  }

  scan->own_index = own_present ? before_own : -1;
  // A place in a list that we are not in means nothing.
  if (own != NULL && !own_present) {
    scan->blockers = 0;
    scan->nearest = NULL;
  }
  if (scan->match_count > 0) {
    lists->matches = collect(names, count, scan->match_count, markers, match_prefix);
    if (lists->matches == NULL) return false;
    scan->matches = lists->matches;
  }
  if (scan->wraps) {
    lists->nodes = collect(names, count, scan->count, markers, NULL);
    if (lists->nodes == NULL) return false;
    scan->nodes = lists->nodes;
  }
  return true;
}

void czk_scan_drop(czk_scan_lists *lists) {
  free(lists->nodes);
  free(lists->matches);
}

bool czk_scan_names(const char *const *names, int32_t count, const char *own, const char *match_prefix,
                    czk_markers markers, void (*seen)(void *ctx, const czk_scan *scan), void *ctx) {
  czk_scan scan;
  czk_scan_lists lists;
  bool complete = czk_scan_into(&scan, &lists, names, count, own, match_prefix, markers);
  if (complete) seen(ctx, &scan);
  czk_scan_drop(&lists);
  return complete;
}
