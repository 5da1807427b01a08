"""Takes kazoo's Lock and dies with it, so that it is held until the session expires: kazoo_holder.py HOST:PORT LOCK-PATH"""
import os
import sys

from kazoo.client import KazooClient
from kazoo.recipe.lock import Lock

client = KazooClient(hosts=sys.argv[1], timeout=20)
client.start()
Lock(client, sys.argv[2], "kazoo's own word").acquire()
print("held", flush=True)
os._exit(0)
