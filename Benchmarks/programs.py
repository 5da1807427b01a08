"""The programs that take part: ours, and those of peers/, which know other libraries or none."""
import os, re, shlex
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = f"{HERE}/peers/.build"
PYTHON = "/usr/lib/python3/dist-packages"


@dataclass(frozen=True)
class Program:
    name: str
    # Kinds of servers and workloads that it knows.
    servers: tuple
    workloads: str
    command: str
    # What must be there; `Benchmarks/peers/build` makes it, or `Benchmarks/peers/setup` installs it.
    needs: str

    def takes(self, servers, workload):
        """A workload is a letter, with or without s or e; a program may know the letter only with one of them."""
        known = re.findall(r"[A-Z][se]?", self.workloads)
        return servers in self.servers and (workload in known or workload[0] in known)

    @property
    def is_there(self):
        return os.path.exists(self.needs)


def script(path):
    # Debian's own Python, since its packages are of no use to another one.
    return f"/usr/bin/python3 {shlex.quote(f'{HERE}/peers/{path}')}"


def built(name):
    return shlex.quote(f"{BUILT}/{name}"), f"{BUILT}/{name}"


PEERS = [
    Program("raw-redis", ("redis1", "redis5"), "ACD", *built("raw_redis")),
    Program("redis-py", ("redis1",), "ABCDEG", script("python/locks.py"), f"{PYTHON}/redis"),
    Program("redis-py-1ms", ("redis1",), "G", script("python/locks.py"), f"{PYTHON}/redis"),
    Program("redis-benchmark", ("redis1",), "C", script("python/redis_benchmark.py"), "/usr/bin/redis-benchmark"),
]


def ours(path, servers):
    return Program("latchkey", (servers,), "ABCDEG", f"{shlex.quote(path)} on={servers}", path)


def given(text, servers):
    """A program named on the command line as NAME=COMMAND or NAME:WORKLOADS=COMMAND; None if it is not of that form."""
    found = re.fullmatch(r"([\w.+-]+)(?::((?:[A-G][se]?)+))?=(.+)", text, re.S)
    if not found or found[1] == "latchkey":
        return None
    return Program(found[1], (servers,), found[2] or "ABCDE", found[3], "/")
