#pragma once

#include <stdbool.h>
#include <stdint.h>

// A shim over libzookeeper_mt: it hides the C client's macros, constants and callback types, answers every accepted
// request exactly once (the C client does not), and looks through lists of sequential nodes without handing each name to Swift.
//
// Result codes are ZooKeeper's own numbers: 0 is success, negative numbers are errors.
// Strings and buffers in a callback are valid until it returns. Callbacks must not block.

#if defined(__has_feature)
#if __has_feature(nullability)
#define CZK_NULLABILITY 1
#endif
#endif

#ifdef CZK_NULLABILITY
#pragma clang assume_nonnull begin
#define CZK_NULLABLE _Nullable
#else
#define CZK_NULLABLE
#endif

// MARK: - Values

/// The metadata of a node.
typedef struct czk_stat {
  int64_t czxid;
  int64_t mzxid;
  int64_t pzxid;
  int64_t ctime_ms;
  int64_t mtime_ms;
  int64_t ephemeral_owner;
  int32_t version;
  int32_t cversion;
  int32_t aversion;
  int32_t data_length;
  int32_t child_count;
} czk_stat;

/// One entry of an access control list.
typedef struct czk_acl {
  int32_t permissions;
  const char *scheme;
  const char *id;
} czk_acl;

enum {
  CZK_PERSISTENT = 0,
  CZK_EPHEMERAL = 1,
  CZK_PERSISTENT_SEQUENTIAL = 2,
  CZK_EPHEMERAL_SEQUENTIAL = 3,
  CZK_CONTAINER = 4,
  CZK_PERSISTENT_TTL = 5,
  CZK_PERSISTENT_SEQUENTIAL_TTL = 6,
};

/// What makes a name a sequential node: it ends with one of the markers and a signed decimal number.
typedef struct czk_markers {
  /// Separated by '\n'; none may end with a digit or a minus. Where a name ends with several, the first of them counts.
  const char *text;
  /// How many of them, from the first on, block nodes with a greater number.
  int32_t blocking;
  /// Those whose nodes should not be in the directory: bit n stands for marker n.
  uint32_t foreign;
} czk_markers;

/// What a look at a list found. Sequential nodes are ordered by number, then by name; other names are passed over.
typedef struct czk_scan {
  /// The number of sequential nodes.
  int32_t count;
  /// How many of them come before our own; -1 if ours is not in the list.
  int32_t own_index;
  /// How many of those before our own block it; if no own name was given, how many blocking nodes there are.
  int32_t blockers;
  /// The last of the blockers, and the place of its marker among the markers.
  const char *CZK_NULLABLE nearest;
  int32_t nearest_marker;
  /// The first node.
  const char *CZK_NULLABLE first;
  /// The first node with a marker that should not be in the directory.
  const char *CZK_NULLABLE foreign;
  /// Whether a number is negative or near the end of its range, so that numbers do not tell the order.
  bool wraps;
  /// All nodes, unordered; only if `wraps`.
  const char *CZK_NULLABLE const *CZK_NULLABLE nodes;
  /// Names that start with the prefix asked for, sequential nodes or not.
  const char *CZK_NULLABLE const *CZK_NULLABLE matches;
  int32_t match_count;
} czk_scan;

/// The result of one operation of a transaction.
typedef struct czk_op_result {
  int32_t rc;
  /// The created path, for a create that succeeded.
  const char *CZK_NULLABLE path;
  /// Whether `stat` is filled in (a set that succeeded).
  bool has_stat;
  czk_stat stat;
} czk_op_result;

/// The answer to a request. Which fields are filled in depends on the request.
typedef struct czk_reply {
  int32_t rc;
  /// create: the path that was created.
  const char *CZK_NULLABLE path;
  const czk_stat *CZK_NULLABLE stat;
  /// get: the node's data; a length of -1 means that the node has none.
  const void *CZK_NULLABLE data;
  int32_t data_length;
  /// children: the names.
  const char *CZK_NULLABLE const *CZK_NULLABLE names;
  int32_t name_count;
  /// get_acl: the entries.
  const czk_acl *CZK_NULLABLE acl;
  int32_t acl_count;
  /// multi: one result for each operation.
  const czk_op_result *CZK_NULLABLE results;
  int32_t result_count;
  /// scan: the code of the list, and what it holds if that is 0.
  int32_t scan_rc;
  const czk_scan *CZK_NULLABLE scan;
} czk_reply;

typedef void (*czk_done)(void *CZK_NULLABLE ctx, const czk_reply *reply);

// MARK: - Sessions

typedef struct czk_session czk_session;

enum {
  CZK_STATE_CONNECTED = 1,
  CZK_STATE_DISCONNECTED = 2,
  CZK_STATE_EXPIRED = 3,
  CZK_STATE_AUTH_FAILED = 4,
};

enum {
  CZK_EVENT_CREATED = 1,
  CZK_EVENT_DELETED = 2,
  CZK_EVENT_CHANGED = 3,
  CZK_EVENT_CHILD = 4,
};

typedef struct czk_callbacks {
  /// The session's state changed. Session id and negotiated timeout are meant for CONNECTED.
  void (*state)(void *ctx, int32_t state, int64_t session_id, int32_t timeout_ms);
  /// A watch fired.
  void (*watch)(void *ctx, int32_t type, const char *path);
} czk_callbacks;

/// Makes a session that is not started. NULL if memory ran out.
czk_session *CZK_NULLABLE czk_create(czk_callbacks callbacks);

/// Starts to connect. At most once for a session.
///
/// - hosts: `address:port[,address:port...][/chroot]`, all addresses numeric and without brackets: host names are resolved again at
///   each reconnect, and if that fails the C client turns without a pause and answers nothing.
/// - tls: NULL, or "ca,certificate,key,password" as the C client wants it; needs `czk_has_tls()`.
/// - ctx: what the callbacks get. They may come before this returns, but not if it fails.
/// Returns 0, or an errno.
int32_t czk_start(czk_session *session, const char *hosts, int32_t timeout_ms, const char *CZK_NULLABLE tls, void *ctx);

/// Whether a request was accepted whose answer may never come, since memory ran out half-way. The session should be closed, which
/// answers it.
bool czk_is_broken(czk_session *session);

/// Gives a session that is not connected other addresses, as for `czk_start` but without a chroot. Returns false if it is connected
/// or over.
bool czk_set_servers(czk_session *session, const char *hosts);

/// Closes the session on a thread of its own: ends it at the server if there is a connection, answers all requests that are
/// still open, then calls `done`, after which no callback comes any more. May be called from any callback but a log callback.
///
/// - code: how requests that are still open end, unless the session has ended before.
/// Returns false, and will not call `done`, if the session was closed before.
bool czk_close(czk_session *session, int32_t code, void (*done)(void *CZK_NULLABLE ctx), void *CZK_NULLABLE ctx);

/// Frees the session's memory. Only if it was never started (successfully), or after `done` of `czk_close`.
void czk_free(czk_session *session);

/// Whether the C client was built with TLS.
bool czk_has_tls(void);

// MARK: - Requests
//
// Each returns 0 if the request was accepted: `done` is then called exactly once, on the C client's completion thread or on
// the thread that closes the session. Any other code is the answer itself, and `done` is never called. After the end of the
// session that code is ZSESSIONEXPIRED, ZAUTHFAILED or ZCLOSING.
// Paths must be valid. An `acl` of NULL gives everybody all permissions.

int32_t czk_create_node(czk_session *session, const char *path, const void *CZK_NULLABLE data, int32_t length,
                        const czk_acl *CZK_NULLABLE acl, int32_t acl_count, int32_t mode, int64_t ttl_ms, czk_done done,
                        void *CZK_NULLABLE ctx);
int32_t czk_delete(czk_session *session, const char *path, int32_t version, czk_done done, void *CZK_NULLABLE ctx);
int32_t czk_exists(czk_session *session, const char *path, bool watch, czk_done done, void *CZK_NULLABLE ctx);
int32_t czk_get(czk_session *session, const char *path, bool watch, czk_done done, void *CZK_NULLABLE ctx);
/// The data of the node in which an ensemble keeps its members; empty at a stand-alone server.
int32_t czk_get_config(czk_session *session, czk_done done, void *CZK_NULLABLE ctx);
int32_t czk_set(czk_session *session, const char *path, const void *CZK_NULLABLE data, int32_t length, int32_t version,
                czk_done done, void *CZK_NULLABLE ctx);
/// Names of the children, without the node's metadata.
int32_t czk_children(czk_session *session, const char *path, bool watch, czk_done done, void *CZK_NULLABLE ctx);
/// Names of the children and the node's metadata.
int32_t czk_children_stat(czk_session *session, const char *path, bool watch, czk_done done, void *CZK_NULLABLE ctx);
int32_t czk_sync(czk_session *session, const char *path, czk_done done, void *CZK_NULLABLE ctx);
int32_t czk_get_acl(czk_session *session, const char *path, czk_done done, void *CZK_NULLABLE ctx);
int32_t czk_set_acl(czk_session *session, const char *path, int32_t version, const czk_acl *CZK_NULLABLE acl,
                    int32_t acl_count, czk_done done, void *CZK_NULLABLE ctx);
/// `done` may run on the C client's I/O thread, inside its locks: it must not make a request.
/// ZINVALIDSTATE: not connected, to be repeated at the next CONNECTED.
int32_t czk_add_auth(czk_session *session, const char *scheme, const void *CZK_NULLABLE credential, int32_t length,
                     czk_done done, void *CZK_NULLABLE ctx);

enum {
  CZK_OP_CREATE = 1,
  CZK_OP_DELETE = 2,
  CZK_OP_SET = 3,
  CZK_OP_CHECK = 4,
};

/// One operation of a transaction.
typedef struct czk_op_spec {
  int32_t kind;
  /// create: one of the four modes without container and TTL.
  int32_t mode;
  /// delete, set, check: -1 for any.
  int32_t version;
  int32_t data_length;
  const char *path;
  const void *CZK_NULLABLE data;
  const czk_acl *CZK_NULLABLE acl;
  int32_t acl_count;
} czk_op_spec;

int32_t czk_multi(czk_session *session, const czk_op_spec *ops, int32_t count, czk_done done, void *CZK_NULLABLE ctx);

// MARK: - Flights

/// Creates an ephemeral sequential node and scans its directory, next to each other on the wire, so that a list that succeeded
/// after a create that succeeded holds the new node. One answer for both.
///
/// - path_prefix: what the server appends the number to.
/// - match_prefix: names that start with it are the scan's matches.
int32_t czk_create_and_scan(czk_session *session, const char *directory, const char *path_prefix,
                            const void *CZK_NULLABLE data, int32_t length, const czk_acl *CZK_NULLABLE acl,
                            int32_t acl_count, const char *CZK_NULLABLE match_prefix, czk_markers markers,
                            czk_done done, void *CZK_NULLABLE ctx);

/// Scans a directory, after a sync in the same flight if asked for. `rc` is the first failure of the two.
int32_t czk_scan_directory(czk_session *session, const char *directory, const char *CZK_NULLABLE own,
                           const char *CZK_NULLABLE match_prefix, czk_markers markers, bool sync_first, czk_done done,
                           void *CZK_NULLABLE ctx);

/// The scan itself, on names in memory. Returns false if memory ran out; otherwise `seen` has been called.
bool czk_scan_names(const char *CZK_NULLABLE const *CZK_NULLABLE names, int32_t count, const char *CZK_NULLABLE own,
                    const char *CZK_NULLABLE match_prefix, czk_markers markers,
                    void (*seen)(void *CZK_NULLABLE ctx, const czk_scan *scan), void *CZK_NULLABLE ctx);

// MARK: - Timer

typedef struct czk_timer czk_timer;

/// Starts a thread that calls `tick` now, and again after as many nanoseconds as it returned (negative: when poked).
/// `release` is called once at the thread's end. NULL, without any call, if the thread could not be started.
czk_timer *CZK_NULLABLE czk_timer_start(int64_t (*tick)(void *ctx), void (*release)(void *ctx), void *ctx);

/// Makes the thread call `tick` at once.
void czk_timer_poke(czk_timer *timer);

/// Ends the thread and waits for its end, unless called on that thread. May be called again.
void czk_timer_stop(czk_timer *timer);

/// Stops the timer and drops the caller's hold on its memory.
void czk_timer_free(czk_timer *timer);

/// Runs a function that may block for long on a thread of its own. Returns false if the thread could not be started.
bool czk_detach(void (*run)(void *CZK_NULLABLE ctx), void *CZK_NULLABLE ctx);

// MARK: - Log

/// Sets where the C client's log goes; process-wide. Levels: 0 nothing, 1 error, 2 warning, 3 information, 4 debug.
void czk_set_log(int32_t level, void (*CZK_NULLABLE write)(int32_t level, const char *message));

/// A short text for a result code.
const char *czk_describe(int32_t rc);

#ifdef CZK_NULLABILITY
#pragma clang assume_nonnull end
#endif
