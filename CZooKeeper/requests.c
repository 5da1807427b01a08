#include <stdlib.h>
#include <string.h>

#include "internal.h"

// MARK: - Values

void czk_copy_stat(czk_stat *to, const struct Stat *from) {
  *to = (czk_stat){
      .czxid = from->czxid,
      .mzxid = from->mzxid,
      .pzxid = from->pzxid,
      .ctime_ms = from->ctime,
      .mtime_ms = from->mtime,
      .ephemeral_owner = from->ephemeralOwner,
      .version = from->version,
      .cversion = from->cversion,
      .aversion = from->aversion,
      .data_length = from->dataLength,
      .child_count = from->numChildren,
  };
}

bool czk_acl_fill(czk_acl_vector *to, const czk_acl *acl, int32_t count) {
  to->large = NULL;
  if (acl == NULL) {
    to->vector = ZOO_OPEN_ACL_UNSAFE;
    return true;
  }
  struct ACL *entries = to->small;
  if (count > (int32_t)(sizeof(to->small) / sizeof(to->small[0]))) {
    entries = to->large = calloc((size_t)count, sizeof(*entries));
    if (entries == NULL) return false;
  }
  for (int32_t i = 0; i < count; i++) {
    // The C client only reads them.
    entries[i] = (struct ACL){
        .perms = acl[i].permissions,
        .id = {.scheme = (char *)acl[i].scheme, .id = (char *)acl[i].id},
    };
  }
  to->vector = (struct ACL_vector){.count = count, .data = entries};
  return true;
}

void czk_acl_drop(czk_acl_vector *vector) { free(vector->large); }

// MARK: - Completions

static void answer(const void *data, const czk_reply *reply) { czk_op_answer((czk_op *)data, reply); }

static void on_void(int rc, const void *data) {
  answer(data, &(czk_reply){.rc = rc, .data_length = -1});
}

static void on_string(int rc, const char *value, const void *data) {
  (void)value;
  on_void(rc, data);
}

static void on_stat(int rc, const struct Stat *stat, const void *data) {
  czk_stat copy;
  czk_reply reply = {.rc = rc, .data_length = -1};
  if (rc == ZOK && stat != NULL) {
    czk_copy_stat(&copy, stat);
    reply.stat = &copy;
  }
  answer(data, &reply);
}

static void on_created(int rc, const char *path, const struct Stat *stat, const void *data) {
  czk_stat copy;
  czk_reply reply = {.rc = rc, .data_length = -1};
  if (rc == ZOK && stat != NULL) {
    czk_copy_stat(&copy, stat);
    reply.stat = &copy;
    reply.path = path;
  }
  answer(data, &reply);
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data) {
  czk_stat copy;
  czk_reply reply = {.rc = rc, .data_length = -1};
  if (rc == ZOK && stat != NULL) {
    czk_copy_stat(&copy, stat);
    reply.stat = &copy;
    reply.data = value;
    reply.data_length = value == NULL ? -1 : length;
  }
  answer(data, &reply);
}

static void on_names_stat(int rc, const struct String_vector *names, const struct Stat *stat, const void *data) {
  czk_stat copy;
  czk_reply reply = {.rc = rc, .data_length = -1};
  if (rc == ZOK && names != NULL) {
    reply.names = (const char *const *)names->data;
    reply.name_count = names->count;
    if (stat != NULL) {
      czk_copy_stat(&copy, stat);
      reply.stat = &copy;
    }
  }
  answer(data, &reply);
}

static void on_names(int rc, const struct String_vector *names, const void *data) {
  on_names_stat(rc, names, NULL, data);
}

static void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data) {
  czk_stat copy;
  czk_reply reply = {.rc = rc, .data_length = -1};
  czk_acl *entries = NULL;
  if (rc == ZOK && acl != NULL && stat != NULL) {
    entries = calloc(acl->count > 0 ? (size_t)acl->count : 1, sizeof(*entries));
    if (entries == NULL) {
      reply.rc = ZSYSTEMERROR;
    } else {
      for (int32_t i = 0; i < acl->count; i++) {
        entries[i] = (czk_acl){acl->data[i].perms, acl->data[i].id.scheme, acl->data[i].id.id};
      }
      czk_copy_stat(&copy, stat);
      reply.stat = &copy;
      reply.acl = entries;
      reply.acl_count = acl->count;
    }
  }
  answer(data, &reply);
  free(entries);
}

// MARK: - Submissions

// A request is on the list before the C client hears of it: its answer may come before the submission returns.
#define SUBMIT(call)                                       \
  do {                                                     \
    int32_t refusal = czk_begin(session);                  \
    if (refusal != 0) return refusal;                      \
    czk_op *op = czk_op_new(session, sizeof(*op), done, ctx); \
    if (op == NULL) {                                      \
      pthread_mutex_unlock(&session->submit_lock);         \
      return ZSYSTEMERROR;                                 \
    }                                                      \
    return czk_end(session, op, (call));                   \
  } while (0)

static int submit_create(czk_session *session, const char *path, const void *data, int32_t length,
                         const struct ACL_vector *acl, int32_t mode, int64_t ttl_ms, czk_op *op) {
  bool has_ttl = mode == CZK_PERSISTENT_TTL || mode == CZK_PERSISTENT_SEQUENTIAL_TTL;
  return has_ttl ? zoo_acreate2_ttl(session->zh, path, data, length, acl, mode, ttl_ms, on_created, op)
                 : zoo_acreate2(session->zh, path, data, length, acl, mode, on_created, op);
}

static int32_t create_with(czk_session *session, const char *path, const void *data, int32_t length,
                           const struct ACL_vector *acl, int32_t mode, int64_t ttl_ms, czk_done done, void *ctx) {
  SUBMIT(submit_create(session, path, data, length, acl, mode, ttl_ms, op));
}

int32_t czk_create_node(czk_session *session, const char *path, const void *data, int32_t length, const czk_acl *acl,
                        int32_t acl_count, int32_t mode, int64_t ttl_ms, czk_done done, void *ctx) {
  czk_acl_vector entries;
  if (!czk_acl_fill(&entries, acl, acl_count)) return ZSYSTEMERROR;
  int32_t rc = create_with(session, path, data, length, &entries.vector, mode, ttl_ms, done, ctx);
  czk_acl_drop(&entries);
  return rc;
}

int32_t czk_delete(czk_session *session, const char *path, int32_t version, czk_done done, void *ctx) {
  SUBMIT(zoo_adelete(session->zh, path, version, on_void, op));
}

int32_t czk_exists(czk_session *session, const char *path, bool watch, czk_done done, void *ctx) {
  SUBMIT(zoo_awexists(session->zh, path, watch ? czk_watcher : NULL, session, on_stat, op));
}

int32_t czk_get(czk_session *session, const char *path, bool watch, czk_done done, void *ctx) {
  SUBMIT(zoo_awget(session->zh, path, watch ? czk_watcher : NULL, session, on_data, op));
}

int32_t czk_get_config(czk_session *session, czk_done done, void *ctx) {
  SUBMIT(zoo_awgetconfig(session->zh, NULL, NULL, on_data, op));
}

int32_t czk_set(czk_session *session, const char *path, const void *data, int32_t length, int32_t version,
                czk_done done, void *ctx) {
  SUBMIT(zoo_aset(session->zh, path, data, length, version, on_stat, op));
}

int32_t czk_children(czk_session *session, const char *path, bool watch, czk_done done, void *ctx) {
  SUBMIT(zoo_awget_children(session->zh, path, watch ? czk_watcher : NULL, session, on_names, op));
}

int32_t czk_children_stat(czk_session *session, const char *path, bool watch, czk_done done, void *ctx) {
  SUBMIT(zoo_awget_children2(session->zh, path, watch ? czk_watcher : NULL, session, on_names_stat, op));
}

int32_t czk_sync(czk_session *session, const char *path, czk_done done, void *ctx) {
  SUBMIT(zoo_async(session->zh, path, on_string, op));
}

int32_t czk_get_acl(czk_session *session, const char *path, czk_done done, void *ctx) {
  SUBMIT(zoo_aget_acl(session->zh, path, on_acl, op));
}

static int32_t set_acl_with(czk_session *session, const char *path, int32_t version, struct ACL_vector *acl,
                            czk_done done, void *ctx) {
  SUBMIT(zoo_aset_acl(session->zh, path, version, acl, on_void, op));
}

int32_t czk_set_acl(czk_session *session, const char *path, int32_t version, const czk_acl *acl, int32_t acl_count,
                    czk_done done, void *ctx) {
  czk_acl_vector entries;
  if (!czk_acl_fill(&entries, acl, acl_count)) return ZSYSTEMERROR;
  int32_t rc = set_acl_with(session, path, version, &entries.vector, done, ctx);
  czk_acl_drop(&entries);
  return rc;
}

static void on_nothing(int rc, const struct Stat *stat, const void *data) {
  (void)rc;
  (void)stat;
  (void)data;
}

static int submit_auth(czk_session *session, const char *scheme, const void *credential, int32_t length, czk_op *op) {
  int rc = zoo_add_auth(session->zh, scheme, credential, length, on_void, op);
  // The C client queues the credential without waking its I/O thread; any request does.
  if (rc == ZOK) zoo_aexists(session->zh, "/", 0, on_nothing, NULL);
  return rc;
}

int32_t czk_add_auth(czk_session *session, const char *scheme, const void *credential, int32_t length, czk_done done,
                     void *ctx) {
  SUBMIT(submit_auth(session, scheme, credential, length, op));
}
