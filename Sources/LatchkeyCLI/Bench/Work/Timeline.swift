internal import Latchkey

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
    let worker: Int
    /// Grants before this are not remembered.
    var start: UInt64 = .max
    fileprivate var holds: [Hold] = []

    init(worker: Int) {
      self.worker = worker
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

  private let recorded = Locked<[Hold]>([])

  func add(_ recorder: Recorder) {
    self.recorded.withLock { $0 += recorder.holds }
  }

  /// The first grants in the order of time.
  func holds(atMost count: Int) -> [Hold] {
    Array(self.recorded.withLock { $0 }.sorted { $0.from < $1.from }.prefix(min(count, Self.capacity)))
  }
}
