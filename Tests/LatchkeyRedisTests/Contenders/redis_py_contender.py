"""Adds to an unprotected counter under redis-py's Lock: redis_py_contender.py PORT KEY COUNTER-FILE COUNT"""
import sys
import time

import redis

port, key, counter, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
client = redis.Redis(port=port)
for _ in range(count):
    with client.lock(key, timeout=20, sleep=0.002):
        with open(counter) as file:
            value = int(file.read())
        time.sleep(0.001)
        with open(counter, "w") as file:
            file.write(str(value + 1))
print("done", flush=True)
