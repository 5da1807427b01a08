"""Adds to an unprotected counter under kazoo's WriteLock: HOST:PORT LOCK-PATH COUNTER-FILE COUNT"""
import sys
import time

from kazoo.client import KazooClient

hosts, path, counter, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
client = KazooClient(hosts=hosts, timeout=10)
client.start()
# Told the names that Curator and Latchkey give their nodes.
writing = client.WriteLock(path, "kazoo", extra_lock_patterns=["__READ__", "__WRIT__"])

print("ready", flush=True)
for _ in range(count):
    with writing:
        with open(counter) as file:
            value = int(file.read())
        time.sleep(0.001)
        with open(counter, "w") as file:
            file.write(str(value + 1))
client.stop()
print("done", flush=True)
