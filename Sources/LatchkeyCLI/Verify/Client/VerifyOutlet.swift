internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import LatchkeyTesting

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What a client process says to its parent, and the answers to its writes.
final class VerifyOutlet: Sendable {
  /// For how long holders are to hold at least, since a fault is about to strike them.
  struct Lingering: Sendable {
    var end: ContinuousClock.Instant
    /// Whether they may look at what they hold meanwhile.
    var isWatched: Bool

    var isNow: Bool { self.end > .now }
  }

  private struct State {
    var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
    var isClosed = false
    var lingering = Lingering(end: .now, isWatched: true)
  }

  private let state = Locked(State())
  private let output: Int32

  /// - Parameter output: Where everything is written.
  init(to output: Int32 = Descriptors.output) {
    self.output = output
  }

  /// Says one thing: a line, written at once, so that nothing is lost if the process is killed right after.
  func say(_ event: ClientEvent) {
    // The event is made of numbers and plain text; if the parent has gone, the end of standard input says so too.
    guard let line = try? JSON.encode(event) else { return }
    Descriptors.write(line + "\n", to: self.output)
  }

  /// Writes to the resource and waits for its answer.
  ///
  /// - Returns: Whether the resource accepted the write; false if nobody answers any more.
  func write(worker: Int, token: VerifyToken?, seen: Observation) async -> Bool {
    await withCheckedContinuation { continuation in
      let isClosed = self.state.withLock { state in
        if !state.isClosed { state.waiting[worker] = continuation }
        return state.isClosed
      }
      if isClosed { return continuation.resume(returning: false) }
      self.say(.write(worker: worker, token: token, seen: seen))
    }
  }

  /// Passes an answer on to the worker that waits for it.
  func answer(worker: Int, accepted: Bool) {
    self.state.withLock { $0.waiting.removeValue(forKey: worker) }?.resume(returning: accepted)
  }

  var lingering: Lingering { self.state.withLock { $0.lingering } }

  func linger(_ duration: Duration, isWatched: Bool) {
    self.state.withLock { $0.lingering = Lingering(end: .now.advanced(by: duration), isWatched: isWatched) }
  }

  /// Nobody answers any more.
  func close() {
    let waiting = self.state.withLock { state in
      state.isClosed = true
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for continuation in waiting { continuation.resume(returning: false) }
  }
}

/// Tells when the process did not run, and when somebody set its wall clock. A thread of its own, so that it says nothing
/// about tasks that wait: those have no excuse.
struct PulseWatch: Sendable {
  private static let interval: UInt32 = 10_000
  private static let longest: UInt64 = 60_000_000

  let outlet: VerifyOutlet

  func start() {
    Background.start("pulse") {
      var last = ContinuousClock.now.sinceStart
      var offset = Self.wallClockOffset()
      while true {
        usleep(Self.interval)
        let now = ContinuousClock.now.sinceStart
        if now - last > Self.longest { self.outlet.say(.stalled(from: last, until: now)) }
        last = now
        let newOffset = Self.wallClockOffset()
        if abs(newOffset - offset) > 0.5 {
          self.outlet.say(.wallClock(at: now, by: newOffset - offset))
          offset = newOffset
        }
      }
    }
  }

  /// How far the wall clock is ahead of the clock that nobody sets, in seconds.
  private static func wallClockOffset() -> Double {
    var wall = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    return Double(wall.tv_sec) + Double(wall.tv_nsec) / 1e9 - Double(Uptime.nanoseconds) / 1e9
  }
}
