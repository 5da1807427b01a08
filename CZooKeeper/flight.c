#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "scan.h"

/// A request that is two on the wire: (create or sync), then list. The C client answers them in that order.
typedef struct flight {
  czk_op op;
  bool is_create;
  bool first_answered;
  int32_t first_rc;
  bool has_stat;
  czk_stat stat;
  /// create: the created path, once it is known. scan: the name to look for.
  const char *own;
  /// create: where the created path goes. Set aside with the request: a node that exists must not be forgotten for want of memory.
  char *created;
  size_t created_size;
  const char *match_prefix;
  czk_markers markers;
  /// What the pointers above point into.
  char text[];
} flight;

static void partial(czk_op *op, czk_reply *reply) {
  flight *request = (flight *)op;
  if (!request->first_answered) return;
  if (request->is_create) {
    reply->rc = request->first_rc;
    reply->path = request->own;
    reply->stat = request->has_stat ? &request->stat : NULL;
  } else if (request->first_rc != ZOK) {
    reply->rc = request->first_rc;
  }
}

static void finish(flight *request, int32_t list_rc, const czk_scan *scan) {
  czk_reply reply = {.rc = list_rc, .data_length = -1, .scan_rc = list_rc, .scan = scan};
  partial(&request->op, &reply);
  czk_op_answer(&request->op, &reply);
}

static const char *last_component(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static void on_list(int rc, const struct String_vector *names, const void *data) {
  flight *request = (flight *)data;
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

static void first_answer(flight *request, int rc) {
  request->first_answered = true;
  request->first_rc = rc;
}

static void on_created(int rc, const char *path, const struct Stat *stat, const void *data) {
  flight *request = (flight *)data;
  if (rc == ZOK && stat != NULL && path != NULL) {
    czk_copy_stat(&request->stat, stat);
    request->has_stat = true;
    size_t size = strlen(path) + 1;
    if (size <= request->created_size) {
      request->own = memcpy(request->created, path, size);
    } else {
      // No such path was asked for: it must be looked what there is.
      rc = ZRUNTIMEINCONSISTENCY;
    }
  }
  first_answer(request, rc);
}

static void on_synced(int rc, const char *value, const void *data) {
  (void)value;
  first_answer((flight *)data, rc);
}

/// The server appends at most eleven characters to a sequential node's path.
static const size_t sequence_size = 12;

/// Copies a string to a place and moves the place behind it.
static const char *copy(char **place, const char *text) {
  if (text == NULL) return NULL;
  size_t size = strlen(text) + 1;
  const char *begin = memcpy(*place, text, size);
  *place += size;
  return begin;
}

static size_t size_of(const char *text) { return text == NULL ? 0 : strlen(text) + 1; }

/// - path_prefix: create: what the created path begins with.
static flight *make(czk_session *session, const char *path_prefix, const char *own, const char *match_prefix,
                    czk_markers markers, czk_done done, void *ctx) {
  size_t created_size = path_prefix == NULL ? 0 : strlen(path_prefix) + sequence_size;
  size_t text_size = size_of(own) + size_of(match_prefix) + size_of(markers.text) + created_size;
  flight *request = czk_op_new(session, sizeof(*request) + text_size, done, ctx);
  if (request == NULL) return NULL;
  request->op.partial = partial;
  request->is_create = path_prefix != NULL;
  char *place = request->text;
  request->own = copy(&place, own);
  request->match_prefix = copy(&place, match_prefix);
  request->markers.text = copy(&place, markers.text);
  request->markers.blocking = markers.blocking;
  request->markers.foreign = markers.foreign;
  request->created = place;
  request->created_size = created_size;
  return request;
}

/// Submits the list behind a first request that was accepted. Both answers may come before this returns.
static int32_t submit_list(czk_session *session, const char *directory, flight *request) {
  int rc = zoo_awget_children(session->zh, directory, NULL, NULL, on_list, request);
  // The first request cannot be taken back. Where the list is refused, the close of the session answers with what the first one
  // brought, and its node goes with the session. If the session has not just ended, it must be closed for that.
  if (rc != ZOK && rc != ZINVALIDSTATE) atomic_store(&session->broken, true);
  return czk_end(session, &request->op, ZOK);
}

int32_t czk_create_and_scan(czk_session *session, const char *directory, const char *path_prefix, const void *data,
                            int32_t length, const czk_acl *acl, int32_t acl_count, const char *match_prefix,
                            czk_markers markers, czk_done done, void *ctx) {
  czk_acl_vector entries;
  if (!czk_acl_fill(&entries, acl, acl_count)) return ZSYSTEMERROR;
  int32_t rc = czk_begin(session);
  if (rc == 0) {
    flight *request = make(session, path_prefix, NULL, match_prefix, markers, done, ctx);
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
                           czk_markers markers, bool sync_first, czk_done done, void *ctx) {
  int32_t rc = czk_begin(session);
  if (rc != 0) return rc;
  flight *request = make(session, NULL, own, match_prefix, markers, done, ctx);
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
