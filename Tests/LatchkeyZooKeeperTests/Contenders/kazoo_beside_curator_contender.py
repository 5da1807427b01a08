"""Adds to an unprotected counter under kazoo's Lock beside Curator: HOST:PORT LOCK-PATH COUNTER-FILE COUNT"""
import sys
import time

import kazoo.recipe.lock
from kazoo.client import KazooClient


# Nodes that Curator, Latchkey and go-zookeeper take for contenders, in their place: Curator does not know kazoo's own names.
class BesideCurator(kazoo.recipe.lock.Lock):
    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]


hosts, path, counter, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
client = KazooClient(hosts=hosts, timeout=10)
client.start()
lock = BesideCurator(client, path, "kazoo")
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
