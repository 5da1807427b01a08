"""redis-benchmark with 50 connections and without pipelining, as a peer for workload C: how many requests the server takes.

A pair of ours is two requests, so two requests are counted as one operation.
"""
import csv, subprocess, sys
from peer import Arguments, begin, report

CLIENTS = 50


def requests_per_second(address, count):
    host, port = address.rsplit(":", 1)
    command = ["redis-benchmark", "-h", host, "-p", port, "-c", str(CLIENTS), "-n", str(count), "-r", "1000", "-d", "32", "-t", "set", "--csv"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(list(csv.DictReader(output.splitlines()))[0]["rps"])


def main():
    arguments = Arguments()
    if arguments.workload != "C":
        sys.exit("redis-benchmark is only compared on workload C")
    guess = requests_per_second(arguments.servers[0], 50000)
    begin()
    count = int(guess * arguments.number("secs", 5))
    rate = requests_per_second(arguments.servers[0], count)
    report(arguments, ops=count // 2, secs=count / rate, rate=rate / 2, requests_per_second=rate, violations=0)


main()
