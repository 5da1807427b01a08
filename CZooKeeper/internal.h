#pragma once

// The multithreaded C client's header differs from the single-threaded one's by this macro.
#define THREADED 1

#if !__has_include(<zookeeper/zookeeper.h>)
#error "The ZooKeeper C client is missing: install it (on Debian and Ubuntu: apt-get install libzookeeper-mt-dev)."
#endif

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <zookeeper/zookeeper.h>

#include "czk.h"

/// A request that the C client has accepted, or is about to accept.
typedef struct czk_op {
  struct czk_op *prev;
  struct czk_op *next;
  czk_session *session;
  czk_done done;
  void *ctx;
  /// Fills in what is known when the session ends before the answer has come; NULL if that is the code alone.
  void (*partial)(struct czk_op *op, czk_reply *reply);
  /// Frees what the request owns besides itself; NULL if nothing.
  void (*dispose)(struct czk_op *op);
} czk_op;

struct czk_session {
  czk_callbacks callbacks;
  void *ctx;
  zhandle_t *zh;
  /// Held over every call into the C client that uses the handle, so that none runs beside or after its close.
  pthread_mutex_t submit_lock;
  atomic_bool closed;
  /// A request may have been lost half-way, so that its answer never comes.
  atomic_bool broken;
  /// How the session ended, as a result code; 0 while it lives. Guarded by `ops_lock`.
  int32_t end_code;
  /// Guards the list of open requests. A leaf: nothing is called while it is held. It is not `submit_lock`, because the C
  /// client calls authentication completions inside its own locks.
  pthread_mutex_t ops_lock;
  czk_op *ops;
};

/// Makes a request and puts it on the session's list. `size` is that of the struct that begins with the `czk_op`.
void *czk_op_new(czk_session *session, size_t size, czk_done done, void *ctx);

/// Takes a request off the list and answers it.
void czk_op_answer(czk_op *op, const czk_reply *reply);

/// Locks the session for a submission. Returns 0, or the code with which to refuse; it is unlocked then.
int32_t czk_begin(czk_session *session);

/// Unlocks the session after a submission that returned `rc`; if the request was refused, it is gone afterwards.
int32_t czk_end(czk_session *session, czk_op *op, int rc);

/// The C client's watcher for everything; its context is the session.
void czk_watcher(zhandle_t *zh, int type, int state, const char *path, void *ctx);

void czk_copy_stat(czk_stat *to, const struct Stat *from);

/// Access control lists in the C client's shape, borrowed from the caller.
typedef struct czk_acl_vector {
  struct ACL_vector vector;
  struct ACL small[4];
  struct ACL *large;
} czk_acl_vector;

/// Returns false if memory ran out.
bool czk_acl_fill(czk_acl_vector *to, const czk_acl *acl, int32_t count);
void czk_acl_drop(czk_acl_vector *vector);

/// Changes the servers. The C client's warnings read them without its lock, so there must be no warnings meanwhile.
int czk_without_warnings(int (*call)(zhandle_t *, const char *), zhandle_t *zh, const char *hosts);

/// The log callback given to every handle.
void czk_log_line(const char *line);
