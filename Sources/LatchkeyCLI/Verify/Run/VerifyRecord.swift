internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyTesting

/// What all clients write to: takes no write whose token is smaller than one it has seen. Also the place where everything
/// that clients tell is written down.
final class VerifyRecord: Sendable {
  private struct State {
    var events: [RecordedEvent] = []
    var writes: [WriteRecord] = []
    var newest: VerifyToken?
    /// How many leases each worker of each life has been granted.
    var grants: [ClientHistory.Life: [Int: Int]] = [:]
    /// Who was granted the lock last and has not begun to give it back.
    var holder: Int?
    /// Whether the holder has said that it stays.
    var holderStays = false
    var counts = Counts()
    /// When each client was last granted the lock.
    var lastGrant: [Int: UInt64] = [:]
  }

  /// What has been done so far.
  struct Counts: Hashable, Sendable {
    var requests = 0
    var grants = 0
    var losses = 0
    var accepted = 0
    var refused = 0
    var failures: [String: Int] = [:]
  }

  private let acceptsStale: Bool
  private let state = Locked(State())

  /// - Parameter acceptsStale: Takes every write: what a resource without fencing does.
  init(acceptsStale: Bool) {
    self.acceptsStale = acceptsStale
  }

  /// Writes an event down.
  ///
  /// - Returns: The resource's answer, if the event is a write.
  func note(_ recorded: RecordedEvent) -> Bool? {
    self.state.withLock { state in
      state.events.append(recorded)
      switch recorded.event {
      case .asked: state.counts.requests += 1
      case .granted(let worker, _, let seen):
        let life = ClientHistory.Life(client: recorded.client, life: recorded.life)
        state.grants[life, default: [:]][worker, default: 0] += 1
        state.counts.grants += 1
        state.holder = recorded.client
        state.holderStays = false
        state.lastGrant[recorded.client] = seen.after
      case .releasing, .lost:
        if case .lost = recorded.event { state.counts.losses += 1 }
        if state.holder == recorded.client { state.holder = nil }
      case .lingering: if state.holder == recorded.client { state.holderStays = true }
      case .failed(_, _, let code, _): state.counts.failures[code, default: 0] += 1
      case .write(let worker, let token, _): return self.write(&state, recorded, worker, token)
      default: break
      }
      return nil
    }
  }

  private func write(_ state: inout State, _ from: RecordedEvent, _ worker: Int, _ token: VerifyToken?) -> Bool {
    let isStale = if let token, let newest = state.newest { token < newest } else { false }
    let isAccepted = !isStale || self.acceptsStale
    if let token, isAccepted { state.newest = max(state.newest ?? token, token) }
    state.counts.accepted += isAccepted ? 1 : 0
    state.counts.refused += isAccepted ? 0 : 1
    let life = ClientHistory.Life(client: from.client, life: from.life)
    let lease = (state.grants[life]?[worker] ?? 1) - 1
    state.writes.append(WriteRecord(from, worker: worker, lease: lease, token: token, wasAccepted: isAccepted))
    return isAccepted
  }

  /// The client that holds the lock as far as is known here; nil if none does.
  var holder: Int? { self.state.withLock { $0.holder } }

  /// Whether a client holds the lock and has said that it will for as long as it was told to.
  func stays(_ client: Int) -> Bool { self.state.withLock { $0.holder == client && $0.holderStays } }

  var counts: Counts { self.state.withLock { $0.counts } }

  var events: [RecordedEvent] { self.state.withLock { $0.events } }

  var writes: [WriteRecord] { self.state.withLock { $0.writes } }

  /// Whether so many clients have been granted the lock since an instant.
  func haveAllHeld(_ clients: Int, since instant: UInt64) -> Bool {
    self.state.withLock { state in (0..<clients).allSatisfy { (state.lastGrant[$0] ?? 0) > instant } }
  }

  /// Whether something was told since an instant.
  func hasHeard(since count: Int, _ isMeant: (RecordedEvent) -> Bool) -> Bool {
    self.state.withLock { state in state.events.dropFirst(count).contains(where: isMeant) }
  }

  var eventCount: Int { self.state.withLock { $0.events.count } }
}
