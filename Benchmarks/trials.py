"""One program on one workload."""
import json, os, random, select, shlex, signal, subprocess, sys, tempfile, threading, time


def cpu_seconds(pid):
    """What a process and its children that have ended have used. The sums in /proc/stat miss short bursts."""
    try:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0


def wait_until_quiet(server, limit=20):
    """Waits until other processes use less than a tenth of the machine; says whether they do."""
    others = lambda: sum(cpu_seconds(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in server.pids)
    deadline = time.monotonic() + limit
    while True:
        before, start = others(), time.monotonic()
        time.sleep(0.5)
        share = (others() - before) / (time.monotonic() - start) / os.cpu_count()
        if share < 0.1 or time.monotonic() > deadline:
            return share < 0.1


class Failure(Exception):
    pass


class Child:
    """A running program; killed with all that it has started when the block ends, or after `limit` seconds."""

    def __init__(self, line, limit):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(line, shell=True, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, env={**os.environ, "BENCH_SYNC": "1"}, start_new_session=True)
        self.timer = threading.Timer(limit, self.kill)
        self.timer.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.kill()
        self.process.wait()
        self.process.stdin.close() if not self.process.stdin.closed else None
        self.process.stdout.close()
        self.errors.close()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def tell(self, text):
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except OSError:
            raise self.failure()

    def hear(self, *starts):
        """The next line that begins with one of these."""
        for text in self.process.stdout:
            if text.startswith(starts):
                return text
        raise self.failure()

    def failure(self):
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            status = "none yet"
        self.errors.seek(0)
        ending = "took too long, and was ended" if status == -signal.SIGKILL else f"ended without a result, with status {status}"
        return Failure(self.errors.read()[-500:].strip() or ending)


def run(server, program, workload, root, secs):
    """Runs a program; its JSON, with the requests that an operation cost the server, or why it failed."""
    quiet = wait_until_quiet(server)
    secs = min(secs, 3) if workload[0] == "D" else secs
    sessions = "each" if workload.endswith("e") else "shared"
    keys = [f"server={server.addresses}", f"root={root}", f"sessions={sessions}", f"secs={secs}", "names=1000", "limit=20"]
    line = f"{program.command} {shlex.join([program.name, workload[0], *keys])}"
    try:
        result = hand_over(server, line, secs) if workload[0] == "G" else timed(server, line, secs)
    except (Failure, OSError, ValueError) as problem:
        result = {"error": str(problem)}
    return {**result, "peer": program.name, "workload": workload, "quiet": quiet}


def timed(server, line, secs):
    """The program measures itself, between its BEGIN and its line of JSON."""
    with Child(line, secs + 120) as child:
        before, text = 0, child.hear("BEGIN", "{")
        if text.startswith("BEGIN"):
            before = server.requests()
            child.tell("")
            text = child.hear("{")
        result = json.loads(text)
        if server.counts_requests:
            result["requests"] = (server.requests() - before) / max(1, result["ops"])
        return result


def hand_over(server, line, secs):
    """Two processes of the program hand the lock to and fro: the time from one's call of release to the other's grant.

    Each is told to acquire and to release, and answers with the time on the monotonic clock, which is the machine's, at which
    it was granted the lock or began to release it. The lock is held for a while at random, so that the other is well in its
    wait, and at any point of the interval of one that polls.
    """
    nanoseconds = lambda child, word: int(child.hear(word).split()[1])
    with Child(line, secs + 60) as first, Child(line, secs + 60) as second:
        holder, waiter = first, second
        for child in (first, second):
            child.hear("READY")
        holder.tell("acquire")
        granted = nanoseconds(holder, "acquired")
        before, start, gaps, violations = server.requests(), time.monotonic(), [], 0
        while len(gaps) < 10 or time.monotonic() < start + secs:
            waiter.tell("acquire")
            time.sleep(random.uniform(0.05, 0.15))
            violations += bool(select.select([waiter.process.stdout], [], [], 0)[0])
            holder.tell("release")
            released = nanoseconds(holder, "released")
            granted = nanoseconds(waiter, "acquired")
            gaps.append((granted - released) / 1000)
            holder, waiter = waiter, holder
        requests = (server.requests() - before) / len(gaps)
        gaps.sort()
        result = {"ops": len(gaps), "secs": time.monotonic() - start, "p50_us": gaps[len(gaps) // 2],
                  "p99_us": gaps[min(len(gaps) - 1, int(0.99 * len(gaps)))], "violations": violations}
        return {**result, "requests": requests} if server.counts_requests else result
