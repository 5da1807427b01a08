#pragma once

#include "czk.h"

/// A place for the few pointers that a scan may have to return; reused or freed by its owner.
typedef struct czk_scan_lists {
  const char **nodes;
  const char **matches;
} czk_scan_lists;

/// Scans names. The result borrows `names` and `lists`. Returns false if memory ran out.
bool czk_scan_into(czk_scan *scan, czk_scan_lists *lists, const char *const *names, int32_t count, const char *own,
                   const char *match_prefix, czk_markers markers);

void czk_scan_drop(czk_scan_lists *lists);
