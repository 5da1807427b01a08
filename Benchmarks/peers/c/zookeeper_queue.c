// The lock queue on the C client (libzookeeper_mt), one blocking thread for each worker.
//
// Acquire creates an ephemeral sequential node and lists the directory, both sent together: one round trip if nobody else is
// there. Otherwise an exists-watch on the node in front; when that node goes, the directory is listed again. Release deletes.
// The queue is worked in the client's completion thread, so a worker is woken once for an acquire and once for a release.
// zookeeper-pair is the least that a lock can cost: create one ephemeral node, delete it; a node that is there means busy.
//
// Workloads: zookeeper-queue A, B, C, E; zookeeper-pair A, D.
#define THREADED
#include "peer.h"
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

enum { SESSION_TIMEOUT = 30000, PATH = 256 };

typedef struct {
  zhandle_t *session;
  pthread_t thread;
  sem_t answered;
  int name, number, status;
  char node[PATH];
  uint64_t random;
  Samples whole, acquire;
  long count;
} Worker;

static const char *root;
static bool is_pair;
static int name_count;
static double end;  // 0: none
static long pairs_wanted;
static int inside[NAMES_AT_MOST];
static long violations;

static void directory(char path[PATH], int name) { snprintf(path, PATH, "%s/%d", root, name); }

// The number that the server has put at the end of a name.
static int sequence(const char *name) {
  size_t length = strlen(name);
  return length < 10 ? -1 : atoi(name + length - 10);
}

static void list(Worker *worker);

static void watched(zhandle_t *session, int type, int state, const char *path, void *context) {
  (void)session, (void)state, (void)path;
  if (type == ZOO_DELETED_EVENT) list(context);
}

static void watch_set(int status, const struct Stat *stat, const void *context) {
  (void)stat;
  if (status == ZNONODE) list((Worker *)context);
}

static void done(Worker *worker, int status) {
  worker->status = status;
  sem_post(&worker->answered);
}

static void listed(int status, const struct String_vector *names, const void *context) {
  Worker *worker = (Worker *)context;
  if (status != ZOK) return done(worker, status);
  int ahead = -1;
  for (int i = 0; i < names->count; i++) {
    int number = sequence(names->data[i]);
    if (number < worker->number && number > ahead) ahead = number;
  }
  if (ahead < 0) return done(worker, ZOK);
  char path[PATH];
  snprintf(path, sizeof path, "%s/%d/lock-%010d", root, worker->name, ahead);
  zoo_awexists(worker->session, path, watched, worker, watch_set, worker);
}

static void list(Worker *worker) {
  char path[PATH];
  directory(path, worker->name);
  zoo_aget_children(worker->session, path, 0, listed, worker);
}

static void created(int status, const char *path, const void *context) {
  Worker *worker = (Worker *)context;
  if (is_pair || status != ZOK) return done(worker, status);
  snprintf(worker->node, sizeof worker->node, "%s", path);
  worker->number = sequence(path);
}

static void deleted(int status, const void *context) { done((Worker *)context, status); }

// Waits for what has been sent; every status but those of a busy lock ends the program.
static bool answer(Worker *worker) {
  while (sem_wait(&worker->answered) != 0) {}
  if (worker->status == ZNODEEXISTS) return false;
  if (worker->status != ZOK) {
    fprintf(stderr, "%s: %s\n", worker->node, zerror(worker->status));
    exit(1);
  }
  return true;
}

static bool take(Worker *worker) {
  int mode = is_pair ? ZOO_EPHEMERAL : ZOO_EPHEMERAL | ZOO_SEQUENCE;
  snprintf(worker->node, sizeof worker->node, "%s/%d/lock-", root, worker->name);
  zoo_acreate(worker->session, worker->node, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, created, worker);
  if (!is_pair) list(worker);
  return answer(worker);
}

static void give_back(Worker *worker) {
  zoo_adelete(worker->session, worker->node, -1, deleted, worker);
  answer(worker);
}

static void visit(int name) {
  if (__atomic_exchange_n(&inside[name], 1, __ATOMIC_SEQ_CST)) __atomic_add_fetch(&violations, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&inside[name], 0, __ATOMIC_SEQ_CST);
}

static void *work(void *context) {
  Worker *worker = context;
  do {
    if (name_count > 1) worker->name = random_below(&worker->random, name_count);
    double start = seconds_now();
    bool won = take(worker);
    double granted = seconds_now();
    if (won) {
      visit(worker->name);
      give_back(worker);
    }
    double now = seconds_now();
    if (end && now > end) break;
    worker->count++;
    add_sample(&worker->whole, now - start);
    add_sample(&worker->acquire, granted - start);
  } while (!pairs_wanted || worker->count < pairs_wanted);
  return NULL;
}

static zhandle_t *open_session(void) {
  zhandle_t *session = zookeeper_init(text_argument("server", "127.0.0.1:2181"), NULL, SESSION_TIMEOUT, NULL, NULL, 0);
  if (!session) fail("zookeeper_init");
  while (zoo_state(session) != ZOO_CONNECTED_STATE) usleep(1000);
  return session;
}

static void make(zhandle_t *session, const char *path, int mode) {
  int status = zoo_create(session, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, NULL, 0);
  if (status == ZOK || status == ZNODEEXISTS) return;
  fprintf(stderr, "%s: %s\n", path, zerror(status));
  exit(1);
}

static void make_directories(zhandle_t *session) {
  char path[PATH];
  for (const char *slash = strchr(root + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    snprintf(path, sizeof path, "%.*s", (int)(slash - root), root);
    make(session, path, ZOO_PERSISTENT);
  }
  make(session, root, ZOO_PERSISTENT);
  for (int name = 0; name < name_count; name++) {
    directory(path, name);
    make(session, path, ZOO_PERSISTENT);
  }
}

static void start_threads(Worker *workers, int count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 << 10);
  for (int i = 0; i < count; i++) {
    if (pthread_create(&workers[i].thread, &attributes, work, &workers[i]) != 0) fail("pthread_create");
  }
  pthread_attr_destroy(&attributes);
}

static void join_threads(Worker *workers, int count) {
  for (int i = 0; i < count; i++) pthread_join(workers[i].thread, NULL);
}

static void wait_for_queue(zhandle_t *session, int length) {
  char path[PATH];
  directory(path, 0);
  for (int queued = 0; queued < length;) {
    usleep(20000);
    struct String_vector names = {0};
    if (zoo_get_children(session, path, 0, &names) == ZOK) queued = names.count;
    deallocate_String_vector(&names);
  }
  sleep(1);
}

static int worker_count_of(char workload) {
  switch (workload) {
  case 'B': return (int)number_argument("workers", 16);
  case 'C': return (int)number_argument("workers", 64);
  case 'E': return (int)number_argument("waiters", 1000);
  default: return 1;
  }
}

// One more than is asked for: the last one holds what the others wait for.
static Worker *make_workers(int count, zhandle_t *session) {
  bool each = strcmp(text_argument("sessions", "shared"), "each") == 0;
  Worker *workers = calloc((size_t)count + 1, sizeof *workers);
  if (!workers) fail("calloc");
  for (int i = 0; i <= count; i++) {
    workers[i].session = each && i > 0 && i < count ? open_session() : session;
    workers[i].random = (uint64_t)i * 7919 + 1;
    sem_init(&workers[i].answered, 0, 0);
  }
  return workers;
}

// What has to be there before the timed part begins.
static void prepare(char workload, Worker *workers, int count) {
  Worker *holder = &workers[count];
  if (workload == 'A') {
    pairs_wanted = number_argument("warmup", 500);
    work(workers);
    workers->count = 0;
    workers->whole.count = workers->acquire.count = 0;
    pairs_wanted = number_argument("n", 2000);
  } else if (workload == 'D') {
    holder->session = open_session();
    take(holder);
  } else if (workload == 'E') {
    pairs_wanted = 1;
    take(holder);
    start_threads(workers, count);
    wait_for_queue(holder->session, count + 1);
  }
}

static void report_all(Worker *workers, int count, double seconds) {
  Samples whole = {0}, acquire = {0};
  long *counts = calloc((size_t)count, sizeof *counts);
  if (!counts) fail("calloc");
  for (int i = 0; i < count; i++) {
    counts[i] = workers[i].count;
    for (size_t k = 0; k < workers[i].whole.count; k++) {
      add_sample(&whole, workers[i].whole.values[k] * 1e-6);
      add_sample(&acquire, workers[i].acquire.values[k] * 1e-6);
    }
  }
  report(&whole, &acquire, counts, count, violations, seconds);
}

int main(int count, char **values) {
  argument_count = count;
  arguments = values;
  is_pair = count > 1 && strcmp(values[1], "zookeeper-pair") == 0;
  if (count < 3 || values[2][0] == 0 || !strchr(is_pair ? "AD" : "ABCE", values[2][0])) {
    fputs("usage: zookeeper_queue zookeeper-queue A|B|C|E server=HOST:PORT root=… sessions=… secs=…\n"
          "       zookeeper_queue zookeeper-pair A|D server=HOST:PORT root=… secs=…\n", stderr);
    return 64;
  }
  char workload = values[2][0];
  root = text_argument("root", "/bench");
  int workers_wanted = worker_count_of(workload);
  name_count = workload == 'C' ? (int)number_argument("names", 1000) : 1;
  if (workers_wanted < 1 || name_count < 1 || name_count > NAMES_AT_MOST) return 64;
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  zhandle_t *session = open_session();
  make_directories(session);
  Worker *workers = make_workers(workers_wanted, session);
  prepare(workload, workers, workers_wanted);
  double start = begin();
  if (!pairs_wanted) end = start + (double)number_argument("secs", 5);
  if (workload == 'A' || workload == 'D') {
    work(workers);
  } else {
    if (workload == 'E') give_back(&workers[workers_wanted]);
    else start_threads(workers, workers_wanted);
    join_threads(workers, workers_wanted);
  }
  report_all(workers, workers_wanted, pairs_wanted ? seconds_now() - start : end - start);
  _exit(0);  // Sessions end with the process: closing sixteen of them in order takes longer than the measurement.
}
