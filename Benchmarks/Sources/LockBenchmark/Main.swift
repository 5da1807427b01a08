import Latchkey

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One workload on one backend through the public API, as a program of the peer comparison.
///
/// A: one worker, one lock, `n` pairs. B: 16 workers, one lock, for `secs`. C: 64 workers, 1000 locks at random, for `secs`.
/// D: tries on a lock that another session holds. E: `waiters` tasks queue behind a holder; the holder releases; until each
/// has held the lock once. G: one of two processes that hand one lock to and fro, as the driver tells them.
@main
struct Main {
  static func main() async throws {
    guard
      let arguments = Arguments(CommandLine.arguments),
      let backend = Self.backends[arguments.text("on", "zk")]
    else {
      let known = Self.backends.keys.sorted().joined(separator: "|")
      print("usage: LockBenchmark PEER A|B|C|D|E|G on=\(known) server=HOST:PORT[,…] sessions=shared|each …")
      exit(64)
    }
    // Off the main actor, like the code of a service.
    try await Task.detached { try await Self.run(arguments, on: backend) }.value
  }

  private static let backends: [String: any Backend] = [
    "zk": ZooKeeperBackend(), "redis1": RedisBackend(), "redis5": RedlockBackend(),
    "etcd": EtcdBackend(),
  ]

  private static func run(_ arguments: Arguments, on backend: some Backend) async throws {
    let workers =
      switch arguments.workload {
      case "B": arguments.number("workers", 16)
      case "C": arguments.number("workers", 64)
      case "E": arguments.number("waiters", 1000)
      default: 1
      }
    let sessions = arguments.text("sessions", "shared") == "each" ? workers : 1
    let extra = arguments.workload == "D" ? 1 : 0
    try await Self.withSessions(sessions + extra, arguments, backend, []) { sessions in
      try await Workloads(arguments: arguments, locks: sessions, workers: workers).run()
    }
  }

  private static func withSessions(
    _ count: Int,
    _ arguments: Arguments,
    _ backend: some Backend,
    _ open: [any LockProvider],
    _ body: ([any LockProvider]) async throws -> Void
  ) async throws {
    if open.count == count { return try await body(open) }
    try await backend.withSession(arguments) { locks in
      try await Self.withSessions(count, arguments, backend, open + [locks], body)
    }
  }
}
