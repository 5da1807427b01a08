"""Adds to an unprotected counter as the leader of kazoo's Election: kazoo_candidate.py HOST:PORT PATH COUNTER-FILE COUNT"""
import sys
import time

from kazoo.client import KazooClient
from kazoo.recipe.lock import Lock

hosts, path, counter, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
client = KazooClient(hosts=hosts, timeout=10)
client.start()
election = client.Election(path, "kazoo's candidate")
# The pattern by which kazoo takes Latchkey's and Curator's nodes for candidates.
election.lock = Lock(client, path, "kazoo's candidate", extra_lock_patterns=["-lock-"])


def lead():
    with open(counter) as file:
        value = int(file.read())
    time.sleep(0.001)
    with open(counter, "w") as file:
        file.write(str(value + 1))


for _ in range(count):
    election.run(lead)
client.stop()
print("done", flush=True)
