"""What the Python programs of the comparison share: arguments, the handshake with the driver, the line of JSON."""
import json, os, resource, sys, time


class Arguments:
    """`PEER WORKLOAD key=value…`"""

    def __init__(self):
        if len(sys.argv) < 3:
            sys.exit(f"usage: {sys.argv[0]} PEER WORKLOAD server=HOST:PORT[,…] root=… sessions=shared|each secs=…")
        self.peer, self.workload = sys.argv[1:3]
        self.values = dict(word.split("=", 1) for word in sys.argv[3:])

    def text(self, key, fallback=""):
        return self.values.get(key, fallback)

    def number(self, key, fallback):
        return int(self.values.get(key, fallback))

    @property
    def servers(self):
        return self.text("server").split(",")


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def begin():
    """Tells the driver that the timed part begins, and waits for its go."""
    if "BENCH_SYNC" in os.environ:
        print("BEGIN", flush=True)
        sys.stdin.readline()
    return cpu_seconds(), time.perf_counter()


def percentile(seconds, share):
    """In microseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e6 if ordered else 0


def report(arguments, **fields):
    print(json.dumps({"peer": arguments.peer, "workload": arguments.workload, **fields}), flush=True)
