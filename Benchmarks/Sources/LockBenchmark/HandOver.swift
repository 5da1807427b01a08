import Dispatch
import Latchkey

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Workload G: one of two processes that hand one lock to and fro. The driver tells each of them when, and takes the times.
struct HandOver {
  let lock: any DistributedLock

  func run() async throws {
    var commands = Self.commands().makeAsyncIterator()
    Self.say("READY")
    while await commands.next() == "acquire" {
      let lease = try await self.lock.acquire(within: nil)
      Self.say("acquired \(Self.nanoseconds)")
      _ = await commands.next()
      let moment = Self.nanoseconds
      try await lease.release()
      Self.say("released \(moment)")
    }
  }

  /// The lines of standard input, read on a thread of their own: a worker of the concurrency pool must not wait for them.
  private static func commands() -> AsyncStream<String> {
    let (lines, continuation) = AsyncStream.makeStream(of: String.self)
    DispatchQueue.global().async {
      while let line = readLine() { continuation.yield(line) }
      continuation.finish()
    }
    return lines
  }

  /// On the monotonic clock, which all processes of the machine have in common.
  private static var nanoseconds: Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000_000_000 + now.tv_nsec
  }

  /// Past the buffers of the C library: flushing them would wait for the thread that reads.
  private static func say(_ text: String) {
    let line = Array((text + "\n").utf8)
    precondition(write(STDOUT_FILENO, line, line.count) == line.count, "The driver has gone.")
  }
}
