"""`etcdctl lock` as a program of the comparison: a process for every lock that is taken.

Workload A is `etcdctl lock NAME true`, from the start of the process to its end. In G it holds the lock until it is interrupted;
granted is when it has printed its key.
"""
import os, signal, subprocess, sys, time
from peer import Arguments, begin, percentile, report

ARGUMENTS = Arguments()
ENVIRONMENT = {**os.environ, "ETCDCTL_API": "3"}
COMMAND = ["etcdctl", f"--endpoints={ARGUMENTS.text('server')}", "lock", f"{ARGUMENTS.text('root', '/bench')}/0"]


def uncontended():
    for _ in range(5):
        subprocess.run([*COMMAND, "true"], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    _, start = begin()
    times = [time.perf_counter()]
    for _ in range(ARGUMENTS.number("n", 100)):
        subprocess.run([*COMMAND, "true"], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter())
    seconds = times[-1] - start
    whole = [end - begun for begun, end in zip(times, times[1:])]
    report(ARGUMENTS, ops=len(whole), secs=seconds, rate=len(whole) / seconds, p50_us=percentile(whole, 0.5),
           p99_us=percentile(whole, 0.99), violations=0)


def hand_over():
    process = None
    print("READY", flush=True)
    for line in sys.stdin:
        if line.strip() == "acquire":
            process = subprocess.Popen(COMMAND, env=ENVIRONMENT, stdout=subprocess.PIPE)
            if not process.stdout.readline():
                sys.exit("etcdctl has ended without the lock")
            print("acquired", time.monotonic_ns(), flush=True)
        else:
            moment = time.monotonic_ns()
            process.send_signal(signal.SIGINT)
            print("released", moment, flush=True)
            process.communicate()


if ARGUMENTS.workload == "A":
    uncontended()
elif ARGUMENTS.workload == "G":
    hand_over()
else:
    sys.exit("etcdctl is only compared on workloads A and G")
