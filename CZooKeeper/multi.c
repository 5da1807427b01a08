#include <stdlib.h>
#include <string.h>

#include "internal.h"

/// A transaction under way. The C client writes the results into it until the completion comes.
typedef struct transaction {
  czk_op op;
  int32_t count;
  zoo_op_result_t *raw;
  struct Stat *stats;
  char **paths;
  czk_op_result *results;
} transaction;

static void dispose(czk_op *op) {
  transaction *request = (transaction *)op;
  if (request->paths != NULL) {
    for (int32_t i = 0; i < request->count; i++) free(request->paths[i]);
  }
  free(request->paths);
  free(request->raw);
  free(request->stats);
  free(request->results);
}

static void on_done(int rc, const void *data) {
  transaction *request = (transaction *)data;
  for (int32_t i = 0; i < request->count; i++) {
    czk_op_result *result = &request->results[i];
    result->rc = request->raw[i].err;
    if (result->rc != ZOK) continue;
    // The C client clears these where the server sent nothing.
    result->path = request->raw[i].value;
    if (request->raw[i].stat != NULL) {
      czk_copy_stat(&result->stat, request->raw[i].stat);
      result->has_stat = true;
    }
  }
  czk_reply reply = {
      .rc = rc, .data_length = -1, .results = request->results, .result_count = request->count};
  czk_op_answer(&request->op, &reply);
}

/// The server appends at most eleven characters to a sequential node's path.
static const size_t sequence_size = 12;

static bool allocate(transaction *request, const czk_op_spec *ops, int32_t count) {
  request->count = count;
  request->raw = calloc((size_t)count, sizeof(*request->raw));
  request->stats = calloc((size_t)count, sizeof(*request->stats));
  request->paths = calloc((size_t)count, sizeof(*request->paths));
  request->results = calloc((size_t)count, sizeof(*request->results));
  if (!request->raw || !request->stats || !request->paths || !request->results) return false;
  for (int32_t i = 0; i < count; i++) {
    if (ops[i].kind != CZK_OP_CREATE) continue;
    request->paths[i] = calloc(1, strlen(ops[i].path) + sequence_size);
    if (request->paths[i] == NULL) return false;
  }
  return true;
}

static void fill(zoo_op_t *to, const czk_op_spec *op, const struct ACL_vector *acl, transaction *request, int32_t i) {
  switch (op->kind) {
    case CZK_OP_CREATE:
      zoo_create_op_init(to, op->path, op->data, op->data_length, acl, op->mode, request->paths[i],
                         (int)(strlen(op->path) + sequence_size));
      break;
    case CZK_OP_DELETE:
      zoo_delete_op_init(to, op->path, op->version);
      break;
    case CZK_OP_SET:
      zoo_set_op_init(to, op->path, op->data, op->data_length, op->version, &request->stats[i]);
      break;
    default:
      zoo_check_op_init(to, op->path, op->version);
      break;
  }
}

static int32_t submit(czk_session *session, const czk_op_spec *ops, int32_t count, zoo_op_t *raw, czk_acl_vector *acl,
                      czk_done done, void *ctx) {
  int32_t refusal = czk_begin(session);
  if (refusal != 0) return refusal;
  transaction *request = czk_op_new(session, sizeof(*request), done, ctx);
  if (request == NULL) {
    pthread_mutex_unlock(&session->submit_lock);
    return ZSYSTEMERROR;
  }
  request->op.dispose = dispose;
  if (!allocate(request, ops, count)) return czk_end(session, &request->op, ZSYSTEMERROR);
  for (int32_t i = 0; i < count; i++) fill(&raw[i], &ops[i], &acl[i].vector, request, i);
  // The C client leaks and frees what it never set if it refuses half-way, so it is not asked at all when it would.
  if (is_unrecoverable(session->zh)) return czk_end(session, &request->op, ZINVALIDSTATE);
  return czk_end(session, &request->op, zoo_amulti(session->zh, count, raw, request->raw, on_done, request));
}

int32_t czk_multi(czk_session *session, const czk_op_spec *ops, int32_t count, czk_done done, void *ctx) {
  zoo_op_t *raw = calloc((size_t)count, sizeof(*raw));
  czk_acl_vector *acl = calloc((size_t)count, sizeof(*acl));
  int32_t rc = raw != NULL && acl != NULL ? ZOK : ZSYSTEMERROR;
  for (int32_t i = 0; i < count && rc == ZOK; i++) {
    if (!czk_acl_fill(&acl[i], ops[i].acl, ops[i].acl_count)) rc = ZSYSTEMERROR;
  }
  if (rc == ZOK) rc = submit(session, ops, count, raw, acl, done, ctx);
  for (int32_t i = 0; acl != NULL && i < count; i++) czk_acl_drop(&acl[i]);
  free(acl);
  free(raw);
  return rc;
}
