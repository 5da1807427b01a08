internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

/// Who held a lock when: some grants in a row from the middle of a run.
final class Timeline: Sendable {
  struct Hold: Hashable, Sendable {
    var worker: Int
    /// On ``Uptime``.
    var from: UInt64
    var until: UInt64
  }

  /// What one worker remembers.
  struct Recorder: Sendable {
    private let worker: Int
    /// Grants before this are not remembered.
    private let start: UInt64
    fileprivate var holds: [Hold] = []

    fileprivate init(worker: Int, start: UInt64) {
      self.worker = worker
      self.start = start
      self.holds.reserveCapacity(Timeline.capacity)
    }

    mutating func note(from granted: UInt64, until released: UInt64) {
      guard granted >= self.start, self.holds.count < Timeline.capacity else { return }
      self.holds.append(Hold(worker: self.worker, from: granted, until: released))
    }
  }

  /// How many grants each worker remembers: as many as are shown, so that no grant among them is missing even if one worker had
  /// them all.
  private static let capacity = 48

  private let start = Locked<UInt64?>(nil)
  private let recorded = Locked<[Hold]>([])

  /// Makes the memory of a worker. All begin to remember at one instant, that of the first call: a worker that began later
  /// would be missing from the picture.
  ///
  /// - Parameters:
  ///   - worker: The worker's place.
  ///   - delay: Nanoseconds from the first call of this to what is remembered.
  func recorder(worker: Int, after delay: UInt64) -> Recorder {
    let start = self.start.withLock { start in
      let chosen = start ?? Uptime.nanoseconds + delay
      start = chosen
      return chosen
    }
    return Recorder(worker: worker, start: start)
  }

  func add(_ recorder: Recorder) {
    self.recorded.withLock { $0 += recorder.holds }
  }

  /// The first grants in the order of time.
  func holds(atMost count: Int) -> [Hold] {
    Array(self.recorded.withLock { $0 }.sorted { $0.from < $1.from }.prefix(min(count, Self.capacity)))
  }
}
