"""Takes kazoo's ReadLock and dies with it, so that it is held until the session expires: HOST:PORT LOCK-PATH"""
import os
import sys

from kazoo.client import KazooClient

client = KazooClient(hosts=sys.argv[1], timeout=3)
client.start()
client.ReadLock(sys.argv[2], "kazoo", extra_lock_patterns=["__WRIT__"]).acquire()
print("held", flush=True)
os._exit(0)
