"""Adds to an unprotected counter under kazoo's Lock: kazoo_contender.py HOST:PORT LOCK-PATH COUNTER-FILE COUNT"""
import sys
import time

from kazoo.client import KazooClient
from kazoo.recipe.lock import Lock

hosts, path, counter, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
client = KazooClient(hosts=hosts, timeout=10)
client.start()
# The pattern by which kazoo takes Latchkey's, Curator's and go-zookeeper's nodes for contenders.
lock = Lock(client, path, "kazoo", extra_lock_patterns=["-lock-"])
print("ready", flush=True)
for _ in range(count):
    with lock:
        with open(counter) as file:
            value = int(file.read())
        time.sleep(0.001)
        with open(counter, "w") as file:
            file.write(str(value + 1))
client.stop()
print("done", flush=True)
