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


def script(name):
    # Debian's own Python, since its packages are of no use to another one.
    return f"/usr/bin/python3 {shlex.quote(f'{HERE}/peers/python/{name}')}"


def built(name):
    return shlex.quote(f"{BUILT}/{name}"), f"{BUILT}/{name}"


JARS = ":".join(f"/usr/share/java/{name}.jar" for name in (
    "curator-client", "curator-framework", "curator-recipes", "guava", "netty-all", "slf4j-api", "slf4j-nop", "zookeeper", "zookeeper-jute"))
CURATOR = f"java -Xmx512m -cp {shlex.quote(f'{BUILT}:{JARS}')} Peers"

PEERS = [
    Program("zookeeper-pair", ("zk",), "AD", *built("zookeeper_queue")),
    Program("zookeeper-queue", ("zk",), "ABCE", *built("zookeeper_queue")),
    Program("curator", ("zk",), "ABCDEG", CURATOR, f"{BUILT}/Peers.class"),
    Program("go-zookeeper", ("zk",), "ABCEG", *built("go_peers")),
    Program("kazoo", ("zk",), "ABCDEG", script("locks.py"), f"{PYTHON}/kazoo"),
    Program("raw-redis", ("redis1", "redis5"), "ACD", *built("raw_redis")),
    Program("redis-py", ("redis1",), "ABCDEG", script("locks.py"), f"{PYTHON}/redis"),
    Program("redis-py-1ms", ("redis1",), "G", script("locks.py"), f"{PYTHON}/redis"),
    Program("redis-benchmark", ("redis1",), "C", script("redis_benchmark.py"), "/usr/bin/redis-benchmark"),
    Program("etcd-txn", ("etcd",), "ACD", *built("go_peers")),
    Program("etcd-queue", ("etcd",), "A", *built("go_peers")),
    Program("etcd-mutex", ("etcd",), "ABCEG", *built("go_peers")),
    Program("etcdctl", ("etcd",), "AG", script("etcdctl.py"), "/usr/bin/etcdctl"),
]


def ours(path, servers):
    return Program("latchkey", (servers,), "ABCDEG", f"{shlex.quote(path)} on={servers}", path)


def given(text, servers):
    """A program named on the command line as NAME=COMMAND or NAME:WORKLOADS=COMMAND; None if it is not of that form."""
    found = re.fullmatch(r"([\w.+-]+)(?::((?:[A-G][se]?)+))?=(.+)", text, re.S)
    if not found or found[1] == "latchkey":
        return None
    return Program(found[1], (servers,), found[2] or "ABCDE", found[3], "/")
