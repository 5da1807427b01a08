#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

// MARK: - Open requests

void *czk_op_new(czk_session *session, size_t size, czk_done done, void *ctx) {
  czk_op *op = calloc(1, size);
  if (op == NULL) return NULL;
  op->session = session;
  op->done = done;
  op->ctx = ctx;
  pthread_mutex_lock(&session->ops_lock);
  op->next = session->ops;
  if (op->next != NULL) op->next->prev = op;
  session->ops = op;
  pthread_mutex_unlock(&session->ops_lock);
  return op;
}

static void unlink_op(czk_op *op) {
  czk_session *session = op->session;
  pthread_mutex_lock(&session->ops_lock);
  if (op->prev != NULL) {
    op->prev->next = op->next;
  } else {
    session->ops = op->next;
  }
  if (op->next != NULL) op->next->prev = op->prev;
  op->prev = NULL;
  op->next = NULL;
  pthread_mutex_unlock(&session->ops_lock);
}

static void free_op(czk_op *op) {
  if (op->dispose != NULL) op->dispose(op);
  free(op);
}

static int32_t end_code(czk_session *session) {
  pthread_mutex_lock(&session->ops_lock);
  int32_t code = session->end_code;
  pthread_mutex_unlock(&session->ops_lock);
  return code;
}

void czk_op_answer(czk_op *op, const czk_reply *reply) {
  unlink_op(op);
  czk_reply known = *reply;
  // What the C client says of every session that is closed; why it was closed says more.
  if (known.rc == ZCLOSING || known.scan_rc == ZCLOSING) {
    int32_t code = end_code(op->session);
    if (known.rc == ZCLOSING && code != 0) known.rc = code;
    if (known.scan_rc == ZCLOSING && code != 0) known.scan_rc = code;
  }
  op->done(op->ctx, &known);
  free_op(op);
}

static void set_end_code(czk_session *session, int32_t code) {
  pthread_mutex_lock(&session->ops_lock);
  if (session->end_code == 0) session->end_code = code;
  pthread_mutex_unlock(&session->ops_lock);
}

int32_t czk_begin(czk_session *session) {
  pthread_mutex_lock(&session->submit_lock);
  if (!session->closed && session->zh != NULL) return 0;
  pthread_mutex_unlock(&session->submit_lock);
  int32_t code = end_code(session);
  return code != 0 ? code : ZCLOSING;
}

int32_t czk_end(czk_session *session, czk_op *op, int rc) {
  // Out of memory half-way: the C client may know the request or not. It counts as accepted, and is answered at the latest
  // when the session closes, which it should soon.
  bool accepted = rc == ZOK || rc == ZMARSHALLINGERROR;
  if (rc == ZMARSHALLINGERROR) atomic_store(&session->broken, true);
  int state = rc == ZINVALIDSTATE ? zoo_state(session->zh) : 0;
  // Off the list before the lock is given up: the thread that closes the session waits for the lock, and then answers and
  // frees whatever it finds on the list.
  if (!accepted) unlink_op(op);
  pthread_mutex_unlock(&session->submit_lock);
  if (accepted) return 0;
  free_op(op);
  if (state == ZOO_EXPIRED_SESSION_STATE) return ZSESSIONEXPIRED;
  if (state == ZOO_AUTH_FAILED_STATE) return ZAUTHFAILED;
  return rc;
}

/// Answers whatever the C client has left unanswered. Its threads are gone.
static void drain(czk_session *session) {
  int32_t code = end_code(session);
  for (;;) {
    pthread_mutex_lock(&session->ops_lock);
    czk_op *op = session->ops;
    pthread_mutex_unlock(&session->ops_lock);
    if (op == NULL) break;
    czk_reply reply = {.rc = code, .data_length = -1, .scan_rc = code};
    if (op->partial != NULL) op->partial(op, &reply);
    czk_op_answer(op, &reply);
  }
}

// MARK: - Session

void czk_watcher(zhandle_t *zh, int type, int state, const char *path, void *ctx) {
  czk_session *session = ctx;
  if (type != ZOO_SESSION_EVENT) {
    // A handler must know the kind of event, so kinds that the C client may learn later are left out.
    if (type >= CZK_EVENT_CREATED && type <= CZK_EVENT_CHILD) session->callbacks.watch(session->ctx, type, path);
    return;
  }
  int32_t now = CZK_STATE_DISCONNECTED;
  if (state == ZOO_CONNECTED_STATE) {
    now = CZK_STATE_CONNECTED;
  } else if (state == ZOO_EXPIRED_SESSION_STATE) {
    now = CZK_STATE_EXPIRED;
    set_end_code(session, ZSESSIONEXPIRED);
  } else if (state == ZOO_AUTH_FAILED_STATE) {
    now = CZK_STATE_AUTH_FAILED;
    set_end_code(session, ZAUTHFAILED);
  }
  session->callbacks.state(session->ctx, now, zoo_client_id(zh)->client_id, zoo_recv_timeout(zh));
}

czk_session *czk_create(czk_callbacks callbacks) {
  czk_session *session = calloc(1, sizeof(*session));
  if (session == NULL) return NULL;
  session->callbacks = callbacks;
  pthread_mutex_init(&session->submit_lock, NULL);
  pthread_mutex_init(&session->ops_lock, NULL);
  return session;
}

typedef zhandle_t *(*init_ssl_fn)(const char *, const char *, watcher_fn, int, const clientid_t *, void *, int);

static init_ssl_fn find_init_ssl(void) { return (init_ssl_fn)dlsym(RTLD_DEFAULT, "zookeeper_init_ssl"); }

bool czk_has_tls(void) { return find_init_ssl() != NULL; }

int32_t czk_start(czk_session *session, const char *hosts, int32_t timeout_ms, const char *tls, void *ctx) {
  // Callbacks may come before the handle is stored; the lock makes their requests wait for it.
  pthread_mutex_lock(&session->submit_lock);
  if (session->closed || session->zh != NULL) {
    pthread_mutex_unlock(&session->submit_lock);
    return EINVAL;
  }
  session->ctx = ctx;
  // Process-wide: each client should try the servers in an order of its own.
  zoo_deterministic_conn_order(0);
  errno = 0;
  if (tls == NULL) {
    session->zh =
        zookeeper_init2(hosts, czk_watcher, timeout_ms, NULL, session, ZOO_NO_LOG_CLIENTENV, czk_log_line);
  } else {
    init_ssl_fn init_ssl = find_init_ssl();
    if (init_ssl == NULL) {
      errno = ENOTSUP;
    } else {
      session->zh = init_ssl(hosts, tls, czk_watcher, timeout_ms, NULL, session, ZOO_NO_LOG_CLIENTENV);
      if (session->zh != NULL) zoo_set_log_callback(session->zh, czk_log_line);
    }
  }
  int32_t failure = session->zh != NULL ? 0 : errno != 0 ? errno : EINVAL;
  // The default is to parse the addresses at every turn of the I/O loop; it still does at each reconnect.
  if (failure == 0) zoo_set_servers_resolution_delay(session->zh, -1);
  pthread_mutex_unlock(&session->submit_lock);
  return failure;
}

bool czk_is_broken(czk_session *session) { return atomic_load(&session->broken); }

bool czk_set_servers(czk_session *session, const char *hosts) {
  if (czk_begin(session) != 0) return false;
  // A connected client may leave its server for a new one, beneath the requests that are open there. It may become connected
  // between the look and the call, but then it has nothing open save what waited for a connection: other requests wait for the
  // lock. It is told of the next CONNECTED, which means a loss if it had been told of this one; and what waited is answered
  // with a loss, too, since the first answer that does not match what the C client waits for breaks the connection.
  bool is_connected = zoo_state(session->zh) == ZOO_CONNECTED_STATE;
  bool is_set = !is_connected && czk_without_warnings(zoo_set_servers, session->zh, hosts) == ZOK;
  pthread_mutex_unlock(&session->submit_lock);
  return is_set;
}

struct closing {
  czk_session *session;
  void (*done)(void *ctx);
  void *ctx;
};

static void close_now(void *argument) {
  struct closing closing = *(struct closing *)argument;
  free(argument);
  czk_session *session = closing.session;
  // Whoever holds the lock now did not see `closed`; nobody uses the handle after that. The lock is not kept over the close,
  // because callbacks that still run may ask for it.
  pthread_mutex_lock(&session->submit_lock);
  zhandle_t *zh = session->zh;
  pthread_mutex_unlock(&session->submit_lock);
  if (zh != NULL) zookeeper_close(zh);
  pthread_mutex_lock(&session->submit_lock);
  session->zh = NULL;
  pthread_mutex_unlock(&session->submit_lock);
  drain(session);
  closing.done(closing.ctx);
}

bool czk_close(czk_session *session, int32_t code, void (*done)(void *ctx), void *ctx) {
  // Without the submission lock: it may be held for as long as a name server takes.
  if (atomic_exchange(&session->closed, true)) return false;
  set_end_code(session, code);

  // Without memory or threads there is no way to close; both are waited for, since the caller relies on `done`.
  const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
  struct closing *closing;
  while ((closing = malloc(sizeof(*closing))) == NULL) nanosleep(&pause, NULL);
  *closing = (struct closing){session, done, ctx};
  while (!czk_detach(close_now, closing)) nanosleep(&pause, NULL);
  return true;
}

void czk_free(czk_session *session) {
  pthread_mutex_destroy(&session->submit_lock);
  pthread_mutex_destroy(&session->ops_lock);
  free(session);
}

const char *czk_describe(int32_t rc) { return zerror(rc); }
