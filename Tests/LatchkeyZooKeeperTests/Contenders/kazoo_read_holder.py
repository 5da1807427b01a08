"""Takes kazoo's ReadLock and dies with it, so that it is held until the session expires: HOST:PORT LOCK-PATH"""
import os
import sys

from kazoo.client import KazooClient

client = KazooClient(hosts=sys.argv[1], timeout=3)
client.start()
path = sys.argv[2]
reading = client.ReadLock(path, "kazoo", extra_lock_patterns=["__WRIT__"])
reading.acquire()
print("held", flush=True)
os._exit(0)
