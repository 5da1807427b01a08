"""Throw-away servers of this machine for the comparison. Data in memory, loopback only, gone when this process is."""
import os, re, shutil, socket, subprocess, sys, tempfile, time, urllib.request


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Process:
    """One server. A shell holds it and waits for our end of a pipe to close, so it goes even if we are killed."""

    def __init__(self, name, folder, command):
        self.name, self.folder = name, folder
        script = '"$@" >"$0/log" 2>&1 & echo $!; read _; kill -KILL $!; wait; rm -rf "$0"'
        self.shell = subprocess.Popen(["sh", "-c", script, folder, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        self.pid = int(self.shell.stdout.readline())

    def wait_until(self, is_ready):
        deadline = time.monotonic() + 60
        while not is_ready():
            if time.monotonic() > deadline or not os.path.exists(f"/proc/{self.pid}"):
                sys.exit(f"{self.name} did not start:\n{open(f'{self.folder}/log').read()[-2000:]}")
            time.sleep(0.1)

    def stop(self):
        self.shell.stdin.close()
        self.shell.wait()


class Servers:
    """Servers of one kind; what kinds share."""

    packages = ""
    counts_requests = True

    @classmethod
    def missing(cls):
        """The program or file that is needed and not there; None if all is."""
        return None if shutil.which(cls.program) else cls.program

    def __init__(self, count=1):
        self.processes, self.ports = [], []
        try:
            for _ in range(count):
                folder = tempfile.mkdtemp(prefix="latchkey-compare.", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
                port = free_port()
                process = Process(self.name, folder, self.command(folder, port))
                self.processes.append(process)
                self.ports.append(port)
                process.wait_until(lambda: self.is_ready(port))
            self.version = self.read_version()
        except BaseException:
            self.stop()
            raise

    @property
    def pids(self):
        return {process.pid for process in self.processes}

    @property
    def addresses(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def stop(self):
        for process in self.processes:
            process.stop()

    @staticmethod
    def exchange(port, text):
        """What the server answers to a line, up to its closing the connection; empty if there is none."""
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.sendall(text.encode())
                return connection.makefile(errors="replace").read()
        except OSError:
            return ""


class ZooKeeper(Servers):
    name, jar, packages = "ZooKeeper", "/usr/share/java/zookeeper.jar", "default-jre-headless libzookeeper-java"

    @classmethod
    def missing(cls):
        return next((need for need in ("java", cls.jar) if not shutil.which(need) and not os.path.exists(need)), None)

    def command(self, folder, port):
        write = lambda name, *lines: open(f"{folder}/{name}", "w").write("\n".join(lines) + "\n")
        write("zoo.cfg", "tickTime=2000", f"dataDir={folder}/data", f"clientPort={port}", "clientPortAddress=127.0.0.1",
              "maxClientCnxns=0", "admin.enableServer=false", "4lw.commands.whitelist=*")
        write("log4j.properties", "log4j.rootLogger=WARN,C", "log4j.appender.C=org.apache.log4j.ConsoleAppender",
              "log4j.appender.C.layout=org.apache.log4j.SimpleLayout")
        return ["java", "-Xms512m", "-Xmx1g", "-cp", f"{folder}:{self.jar}",
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", f"{folder}/zoo.cfg"]

    def is_ready(self, port):
        return "Mode:" in self.exchange(port, "srvr")

    def read_version(self):
        return re.search(r"version: ([\w.]+)", self.exchange(self.ports[0], "srvr"))[1]

    def requests(self):
        """How many requests the server has received from its clients so far."""
        found = re.search(r"zk_packets_received\s+(\d+)", self.exchange(self.ports[0], "mntr"))
        return int(found[1]) if found else 0


class Redis(Servers):
    name, program, packages = "Redis", "redis-server", "redis-server"
    # The server's counters do not tell a client's commands from those of a script.
    counts_requests = False

    def command(self, folder, port):
        return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--maxclients", "20000", "--dir", folder]

    def is_ready(self, port):
        return "+PONG" in self.exchange(port, "PING\r\nQUIT\r\n")

    def read_version(self):
        return re.search(r"redis_version:([\w.]+)", self.exchange(self.ports[0], "INFO server\r\nQUIT\r\n"))[1]

    def requests(self):
        return 0


class Etcd(Servers):
    name, program, packages = "etcd", "etcd", "etcd-server"

    def command(self, folder, port):
        url, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
        return ["etcd", "--name", "one", "--data-dir", f"{folder}/data", "--listen-client-urls", url,
                "--advertise-client-urls", url, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"one={peer}", "--log-level", "error", "--quota-backend-bytes", str(6 << 30)]

    def get(self, port, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
                return reply.read().decode()
        except OSError:
            return ""

    def is_ready(self, port):
        return '"health":"true"' in self.get(port, "/health")

    def read_version(self):
        return re.search(r'"etcdserver":"([\w.]+)"', self.get(self.ports[0], "/version"))[1]

    def requests(self):
        """How many messages the server has received from its clients so far."""
        found = re.findall(r"^grpc_server_msg_received_total\{[^}]*\} (\S+)", self.get(self.ports[0], "/metrics"), re.M)
        return int(sum(map(float, found)))


# What `--on` takes: the kind of server, and how many.
KINDS = {"zk": (ZooKeeper, 1), "redis1": (Redis, 1), "redis5": (Redis, 5), "etcd": (Etcd, 1)}
