"""kazoo's and redis-py's locks, as programs of the comparison: `locks.py kazoo|redis-py|redis-py-1ms WORKLOAD key=value…`.

redis-py asks for a taken lock at an interval: 0.1 s is its default, redis-py-1ms asks every millisecond.
"""
import logging, os, random, sys, threading, time
from peer import Arguments, begin, cpu_seconds, percentile, report

ARGUMENTS = Arguments()
WORKERS = {"B": ("workers", 16), "C": ("workers", 64), "E": ("waiters", 1000)}


class Kazoo:
    def __init__(self):
        from kazoo.client import KazooClient
        self.client = KazooClient(hosts=ARGUMENTS.text("server"), timeout=30)
        self.client.start()

    def lock(self, name):
        return self.client.Lock(f"{ARGUMENTS.text('root', '/bench')}/{name}")

    def queued(self, name):
        return len(self.client.get_children(f"{ARGUMENTS.text('root', '/bench')}/{name}"))


class RedisPy:
    def __init__(self):
        import redis
        host, port = ARGUMENTS.servers[0].rsplit(":", 1)
        self.client = redis.Redis(host=host, port=int(port))
        self.sleep = 0.001 if ARGUMENTS.peer == "redis-py-1ms" else 0.1

    def lock(self, name):
        return self.client.lock(f"{ARGUMENTS.text('root', '/bench')}:{name}", timeout=30, sleep=self.sleep)

    def queued(self, name):
        return None


PEERS = {"kazoo": Kazoo, "redis-py": RedisPy, "redis-py-1ms": RedisPy}


class Sections:
    """What the locks protect."""

    def __init__(self):
        self.inside, self.counter, self.violations = set(), 0, 0

    def visit(self, name):
        if name in self.inside:
            self.violations += 1
        self.inside.add(name)
        self.counter += 1
        self.inside.discard(name)


class Worker:
    """Its lock objects are kept: kazoo looks for the path once with each of them."""

    def __init__(self, number, session, names, sections):
        self.session, self.names, self.sections = session, names, sections
        self.random, self.locks, self.whole, self.acquire = random.Random(number), {}, [], []

    def pair(self, name):
        lock = self.locks.get(name)
        if lock is None:
            lock = self.locks[name] = self.session.lock(name)
        start = time.perf_counter()
        lock.acquire()
        granted = time.perf_counter()
        self.sections.visit(name)
        lock.release()
        end = time.perf_counter()
        self.whole.append(end - start)
        self.acquire.append(granted - start)
        return end

    def times(self, count):
        for _ in range(count):
            self.pair(self.names[0])

    def until(self, end):
        while self.pair(self.random.choice(self.names)) < end:
            pass

    def forget(self):
        self.whole.clear()
        self.acquire.clear()


def start_threads(jobs):
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    return threads


def join_threads(threads, limit):
    """Waits for them as long as that."""
    deadline = time.monotonic() + limit
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))


def uncontended(workers, session):
    workers[0].times(ARGUMENTS.number("warmup", 500))
    workers[0].forget()
    cpu, start = begin()
    workers[0].times(ARGUMENTS.number("n", 2000))
    return cpu, time.perf_counter() - start


def contended(workers, session):
    names, secs = workers[0].names, ARGUMENTS.number("secs", 10)
    if len(names) > 1:
        # Every directory is there, and with every worker the lock object, as in a service that has run for a while.
        def prepare(index):
            for name in names[index:: len(workers)]:
                workers[index].pair(name)
        join_threads(start_threads([lambda index=index: prepare(index) for index in range(len(workers))]), 60)
        for worker in workers:
            worker.forget()
    cpu, start = begin()
    join_threads(start_threads([lambda worker=worker: worker.until(start + secs) for worker in workers]), secs + 40)
    return cpu, secs


def busy(workers, session):
    holder = PEERS[ARGUMENTS.peer]().lock("0")
    holder.acquire()
    lock, worker, sections = session.lock("0"), workers[0], workers[0].sections
    for _ in range(100):
        lock.acquire(blocking=False)
    cpu, start = begin()
    last, end = start, start + ARGUMENTS.number("secs", 3)
    while last < end:
        if lock.acquire(blocking=False):
            sections.violations += 1
            lock.release()
        now = time.perf_counter()
        worker.whole.append(now - last)
        last = now
    return cpu, last - start


def crowd(workers, session):
    holder = session.lock("0")
    holder.acquire()
    threads = start_threads([lambda worker=worker: worker.times(1) for worker in workers])
    deadline = time.monotonic() + 60
    while (queued := session.queued("0")) is not None and queued <= len(workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    cpu, start = begin()
    holder.release()
    join_threads(threads, ARGUMENTS.number("limit", 60))
    return cpu, time.perf_counter() - start


def hand_over(session):
    """One of two processes; the driver tells it when."""
    lock = session.lock("0")
    print("READY", flush=True)
    for line in sys.stdin:
        if line.strip() == "acquire":
            lock.acquire()
            print("acquired", time.monotonic_ns(), flush=True)
        else:
            moment = time.monotonic_ns()
            lock.release()
            print("released", moment, flush=True)


def main():
    logging.disable(logging.CRITICAL)
    threading.stack_size(256 << 10)
    workload, session = ARGUMENTS.workload, PEERS[ARGUMENTS.peer]()
    if workload == "G":
        return hand_over(session)
    count = ARGUMENTS.number(*WORKERS[workload]) if workload in WORKERS else 1
    names = [str(number) for number in range(ARGUMENTS.number("names", 1000))] if workload == "C" else ["0"]
    each, sections = ARGUMENTS.text("sessions", "shared") == "each", Sections()
    sessions = [PEERS[ARGUMENTS.peer]() if each and number else session for number in range(count)]
    workers = [Worker(number, sessions[number], names, sections) for number in range(count)]
    cpu, seconds = {"A": uncontended, "B": contended, "C": contended, "D": busy, "E": crowd}[workload](workers, session)
    cpu = cpu_seconds() - cpu
    whole = [value for worker in workers for value in worker.whole]
    acquire = [value for worker in workers for value in worker.acquire]
    counts = [len(worker.whole) for worker in workers]
    report(ARGUMENTS, sessions="each" if each else "shared", ops=len(whole), secs=seconds, rate=len(whole) / seconds,
           p50_us=percentile(whole, 0.5), p99_us=percentile(whole, 0.99), acq_p50_us=percentile(acquire, 0.5),
           acq_p99_us=percentile(acquire, 0.99), min=min(counts), max=max(counts), violations=sections.violations,
           cpu_us=cpu * 1e6 / max(1, len(whole)))
    # Threads that still wait are of no interest any more.
    os._exit(0)


main()
