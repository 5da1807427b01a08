#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "scan.h"

/// A request that is two on the wire: (create or sync), then list. The C client answers them in that order.
typedef struct contention {
  czk_op op;
  bool is_enter;
  bool first_answered;
  int32_t first_rc;
  bool has_stat;
  czk_stat stat;
  /// enter: the created path. scan: the name to look for.
  char *own;
  const char *match_prefix;
  const char *markers;
  /// What `match_prefix` and `markers` point into.
  char text[];
} contention;

static void dispose(czk_op *op) { free(((contention *)op)->own); }

static void partial(czk_op *op, czk_reply *reply) {
  contention *request = (contention *)op;
  if (!request->first_answered) return;
  if (request->is_enter) {
    reply->rc = request->first_rc;
    reply->path = request->own;
    reply->stat = request->has_stat ? &request->stat : NULL;
  } else if (request->first_rc != ZOK) {
    reply->rc = request->first_rc;
  }
}

static void finish(contention *request, int32_t list_rc, const czk_scan *scan) {
  czk_reply reply = {.rc = list_rc, .data_length = -1, .scan_rc = list_rc, .scan = scan};
  partial(&request->op, &reply);
  czk_op_answer(&request->op, &reply);
}

static const char *last_component(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static void on_list(int rc, const struct String_vector *names, const void *data) {
  contention *request = (contention *)data;
  if (rc != ZOK || names == NULL) {
    finish(request, rc, NULL);
    return;
  }
  // Without an own node there is nobody to be before: the list then serves to find a node whose creation is in doubt.
  const char *own = request->own == NULL ? NULL : last_component(request->own);
  czk_scan scan;
  czk_scan_lists lists;
  bool complete = czk_scan_into(&scan, &lists, (const char *const *)names->data, names->count, own,
                                request->match_prefix, request->markers);
  finish(request, complete ? ZOK : ZSYSTEMERROR, complete ? &scan : NULL);
  czk_scan_drop(&lists);
}

static void first_answer(contention *request, int rc) {
  request->first_answered = true;
  request->first_rc = rc;
}

static void on_created(int rc, const char *path, const struct Stat *stat, const void *data) {
  contention *request = (contention *)data;
  if (rc == ZOK && stat != NULL && path != NULL) {
    czk_copy_stat(&request->stat, stat);
    request->has_stat = true;
    request->own = strdup(path);
    if (request->own == NULL) rc = ZSYSTEMERROR;
  }
  first_answer(request, rc);
}

static void on_synced(int rc, const char *value, const void *data) {
  (void)value;
  first_answer((contention *)data, rc);
}

static contention *make(czk_session *session, bool is_enter, const char *own, const char *match_prefix,
                        const char *markers, czk_done done, void *ctx) {
  size_t markers_size = strlen(markers) + 1;
  size_t prefix_size = match_prefix == NULL ? 0 : strlen(match_prefix) + 1;
  char *own_copy = NULL;
  if (own != NULL && (own_copy = strdup(own)) == NULL) return NULL;
  contention *request = czk_op_new(session, sizeof(*request) + markers_size + prefix_size, done, ctx);
  if (request == NULL) {
    free(own_copy);
    return NULL;
  }
  request->op.partial = partial;
  request->op.dispose = dispose;
  request->is_enter = is_enter;
  request->own = own_copy;
  request->markers = memcpy(request->text, markers, markers_size);
  if (match_prefix != NULL) request->match_prefix = memcpy(request->text + markers_size, match_prefix, prefix_size);
  return request;
}

/// Submits the list behind a first request that was accepted. Both answers may come before this returns.
static int32_t submit_list(czk_session *session, const char *directory, contention *request) {
  // Refused here only if the session ended just now: its close then answers with what the first request brought.
  zoo_awget_children(session->zh, directory, NULL, NULL, on_list, request);
  return czk_end(session, &request->op, ZOK);
}

int32_t czk_enter(czk_session *session, const char *directory, const char *path_prefix, const void *data,
                  int32_t length, const czk_acl *acl, int32_t acl_count, const char *match_prefix, const char *markers,
                  czk_done done, void *ctx) {
  czk_acl_vector entries;
  if (!czk_acl_fill(&entries, acl, acl_count)) return ZSYSTEMERROR;
  int32_t rc = czk_begin(session);
  if (rc == 0) {
    contention *request = make(session, true, NULL, match_prefix, markers, done, ctx);
    if (request == NULL) {
      pthread_mutex_unlock(&session->submit_lock);
      rc = ZSYSTEMERROR;
    } else {
      rc = zoo_acreate2(session->zh, path_prefix, data, length, &entries.vector, CZK_EPHEMERAL_SEQUENTIAL, on_created,
                        request);
      rc = rc == ZOK ? submit_list(session, directory, request) : czk_end(session, &request->op, rc);
    }
  }
  czk_acl_drop(&entries);
  return rc;
}

int32_t czk_scan_directory(czk_session *session, const char *directory, const char *own, const char *match_prefix,
                           const char *markers, bool sync_first, czk_done done, void *ctx) {
  int32_t rc = czk_begin(session);
  if (rc != 0) return rc;
  contention *request = make(session, false, own, match_prefix, markers, done, ctx);
  if (request == NULL) {
    pthread_mutex_unlock(&session->submit_lock);
    return ZSYSTEMERROR;
  }
  if (sync_first) {
    rc = zoo_async(session->zh, directory, on_synced, request);
    return rc == ZOK ? submit_list(session, directory, request) : czk_end(session, &request->op, rc);
  }
  rc = zoo_awget_children(session->zh, directory, NULL, NULL, on_list, request);
  return czk_end(session, &request->op, rc);
}
