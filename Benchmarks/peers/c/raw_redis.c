// The least that a lock on Redis can cost: its two requests, written by hand, on blocking sockets, in one thread.
//
// Acquire is SET key value NX PX, release a script that deletes the key if it still has the value. With several servers every
// one is asked before the first answer is read, and all answers are awaited; a majority has the lock. No token is minted,
// nothing is extended, nobody is woken: a key that is taken is asked for again at once. Workers of workload C share the
// connections: whatever they want to send between two reads goes out with one write.
//
// Workloads A, C and D. Sessions are always shared.
#include "peer.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVERS_AT_MOST = 16, QUEUE_AT_MOST = 4096, TIME_TO_LIVE = 30000 };

typedef enum { IDLE, ACQUIRING, RELEASING, WITHDRAWING } Step;

typedef struct {
  Step step;
  int name, answers_missing, votes;
  char value[40];
  double started, granted;
  uint64_t random;
  long count;
} Worker;

typedef struct {
  int socket;
  char out[1 << 17], in[1 << 17];
  size_t out_length, in_length;
  // Who waits for the answers, in order.
  Worker *asked[QUEUE_AT_MOST];
  unsigned first, next;
} Connection;

static const char *release_script =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
static char release_digest[41];
static const char *root;
static char workload;
static int server_count, worker_count, name_count;
static Connection connections[SERVERS_AT_MOST];
static Worker *workers;
static Samples whole, acquire;
static bool inside[NAMES_AT_MOST];
static long violations, pairs_wanted;
static double end;  // 0: none

static void dial(Connection *connection, const char *address) {
  const char *colon = strrchr(address, ':');
  if (!colon) fail(address);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int yes = 1;
  connection->socket = socket(AF_INET, SOCK_STREAM, 0);
  if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&to, sizeof to) != 0) fail(address);
  setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void ask(Connection *connection, Worker *worker, int words, const char *const *word) {
  char *at = connection->out + connection->out_length;
  at += sprintf(at, "*%d\r\n", words);
  for (int i = 0; i < words; i++) at += sprintf(at, "$%zu\r\n%s\r\n", strlen(word[i]), word[i]);
  connection->out_length = (size_t)(at - connection->out);
  connection->asked[connection->next++ % QUEUE_AT_MOST] = worker;
}

static void send_all(Connection *connection) {
  for (size_t sent = 0; sent < connection->out_length;) {
    ssize_t n = write(connection->socket, connection->out + sent, connection->out_length - sent);
    if (n <= 0) fail("write");
    sent += (size_t)n;
  }
  connection->out_length = 0;
}

// Appends what has come in; waits if nothing has.
static void receive(Connection *connection) {
  size_t room = sizeof connection->in - 1 - connection->in_length;
  ssize_t n = read(connection->socket, connection->in + connection->in_length, room);
  if (n <= 0) fail("read");
  connection->in_length += (size_t)n;
  connection->in[connection->in_length] = 0;
}

// The length of the answer that starts here, 0 if part of it is missing. `vote`: it says yes. Answers are one line, or a bulk.
static size_t answer_length(const char *start, size_t available, bool *vote) {
  const char *line = memchr(start, '\n', available);
  if (!line) return 0;
  size_t length = (size_t)(line + 1 - start);
  if (*start == '-') {
    fprintf(stderr, "%.*s", (int)length, start);
    exit(1);
  }
  long number = strtol(start + 1, NULL, 10);
  *vote = *start == '+' || number > 0;
  if (*start == '$' && number >= 0) length += (size_t)number + 2;
  return length <= available ? length : 0;
}

static void send_step(Worker *worker, Step step) {
  char key[200], milliseconds[20];
  snprintf(key, sizeof key, "%s:%d", root, worker->name);
  snprintf(milliseconds, sizeof milliseconds, "%d", TIME_TO_LIVE);
  const char *set[] = {"SET", key, worker->value, "NX", "PX", milliseconds};
  const char *delete[] = {"EVALSHA", release_digest, "1", key, worker->value};
  worker->step = step;
  worker->answers_missing = server_count;
  worker->votes = 0;
  for (int i = 0; i < server_count; i++) {
    if (step == ACQUIRING) ask(&connections[i], worker, 6, set);
    else ask(&connections[i], worker, 5, delete);
  }
}

static void start_operation(Worker *worker) {
  if (name_count > 1) worker->name = random_below(&worker->random, name_count);
  worker->started = seconds_now();
  snprintf(worker->value, sizeof worker->value, "%016llx%08lx", (unsigned long long)worker->random, worker->count);
  send_step(worker, ACQUIRING);
}

static void end_operation(Worker *worker, double now) {
  worker->step = IDLE;
  if (end && now > end) return;
  worker->count++;
  add_sample(&whole, now - worker->started);
  add_sample(&acquire, worker->granted - worker->started);
  if (!pairs_wanted || worker->count < pairs_wanted) start_operation(worker);
}

static void all_answered(Worker *worker) {
  bool won = worker->votes > server_count / 2;
  double now = seconds_now();
  switch (worker->step) {
  case ACQUIRING:
    worker->granted = now;
    if (workload == 'D') {
      violations += won;
      end_operation(worker, now);
    } else if (won) {
      // Answers come in the order of the requests: nobody else is granted before our release has been answered.
      violations += inside[worker->name];
      inside[worker->name] = true;
      send_step(worker, RELEASING);
    } else if (server_count == 1) {
      send_step(worker, ACQUIRING);
    } else {
      send_step(worker, WITHDRAWING);
    }
    break;
  case WITHDRAWING: send_step(worker, ACQUIRING); break;
  case RELEASING:
    inside[worker->name] = false;
    end_operation(worker, now);
    break;
  case IDLE: break;
  }
}

static void take_answers(Connection *connection) {
  size_t used = 0, length;
  bool vote;
  while (used < connection->in_length &&
         (length = answer_length(connection->in + used, connection->in_length - used, &vote))) {
    used += length;
    Worker *worker = connection->asked[connection->first++ % QUEUE_AT_MOST];
    if (!worker) continue;
    worker->votes += vote;
    if (--worker->answers_missing == 0) all_answered(worker);
  }
  connection->in_length -= used;
  memmove(connection->in, connection->in + used, connection->in_length);
}

// Until nothing is asked for any more. Reading one server after the other loses nothing: each answers whatever it was asked.
static void run(void) {
  for (bool busy = true; busy;) {
    for (int i = 0; i < server_count; i++) send_all(&connections[i]);
    busy = false;
    for (int i = 0; i < server_count; i++) {
      if (connections[i].first == connections[i].next) continue;
      busy = true;
      receive(&connections[i]);
      take_answers(&connections[i]);
    }
  }
}

// For one request before all others; the answer is valid until the next one.
static const char *request(Connection *connection, int words, const char *const *word) {
  ask(connection, NULL, words, word);
  send_all(connection);
  bool vote;
  do receive(connection);
  while (!answer_length(connection->in, connection->in_length, &vote));
  take_answers(connection);
  return connection->in;
}

static void connect_all(void) {
  char *list = strdup(text_argument("server", "127.0.0.1:6379"));
  for (char *address = strtok(list, ","); address && server_count < SERVERS_AT_MOST; address = strtok(NULL, ",")) {
    dial(&connections[server_count++], address);
  }
  free(list);
  char held[200];
  snprintf(held, sizeof held, "%s:0", root);
  const char *load[] = {"SCRIPT", "LOAD", release_script}, *hold[] = {"SET", held, "another"};
  for (int i = 0; i < server_count; i++) {
    memcpy(release_digest, strchr(request(&connections[i], 3, load), '\n') + 1, 40);
    if (workload == 'D') request(&connections[i], 3, hold);
  }
}

int main(int count, char **values) {
  argument_count = count;
  arguments = values;
  if (count < 3 || !strchr("ACD", values[2][0])) {
    fputs("usage: raw_redis PEER A|C|D server=HOST:PORT[,…] root=… secs=… names=… n=… warmup=…\n", stderr);
    return 64;
  }
  workload = values[2][0];
  root = text_argument("root", "bench");
  worker_count = workload == 'C' ? (int)number_argument("workers", 64) : 1;
  name_count = workload == 'C' ? (int)number_argument("names", 1000) : 1;
  if (worker_count < 1 || worker_count > 256 || name_count < 1 || name_count > NAMES_AT_MOST) return 64;
  workers = calloc((size_t)worker_count, sizeof *workers);
  for (int i = 0; i < worker_count; i++) workers[i].random = (uint64_t)i * 7919 + 1;
  connect_all();
  pairs_wanted = workload == 'A' ? number_argument("warmup", 500) : workload == 'D' ? 500 : 0;
  if (pairs_wanted) {
    start_operation(workers);
    run();
    workers->count = 0;
    whole.count = acquire.count = 0;
  }
  double start = begin();
  pairs_wanted = workload == 'A' ? number_argument("n", 2000) : 0;
  if (!pairs_wanted) end = start + (double)number_argument("secs", 5);
  for (int i = 0; i < worker_count; i++) start_operation(&workers[i]);
  run();
  double seconds = pairs_wanted ? seconds_now() - start : end - start;
  long *counts = calloc((size_t)worker_count, sizeof *counts);
  for (int i = 0; i < worker_count; i++) counts[i] = workers[i].count;
  report(&whole, &acquire, counts, worker_count, violations, seconds);
  return 0;
}
