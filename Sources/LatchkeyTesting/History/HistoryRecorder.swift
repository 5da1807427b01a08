internal import Latchkey
internal import LatchkeyPrimitives

/// Collects what workers do to locks, for ``HistoryReport`` to judge.
///
/// Held intervals come out no longer than they were if a worker records `granted` after it got the lease and `released`
/// before it gives it back, so an overlap in the record was an overlap in truth.
public final class HistoryRecorder: Sendable {
  private let recorded: Locked<[HistoryEvent]>

  /// Makes an empty record.
  ///
  /// - Parameter capacity: How many events to make room for, so that recording does not allocate.
  public init(capacity: Int = 0) {
    var events: [HistoryEvent] = []
    events.reserveCapacity(capacity)
    self.recorded = Locked(events)
  }

  /// Records that something happens now.
  ///
  /// - Parameters:
  ///   - kind: What happened.
  ///   - worker: Who.
  ///   - lock: The lock's name.
  public func record(_ kind: HistoryEvent.Kind, worker: Int, lock: String) {
    // Read before the record's own lock is waited for, so that recording adds nothing to the times.
    let at = ContinuousClock.now
    self.recorded.withLock { $0.append(HistoryEvent(worker: worker, lock: lock, kind, at: at)) }
  }

  /// All events so far, in the order in which they were recorded.
  public var events: [HistoryEvent] { self.recorded.withLock { $0 } }
}
