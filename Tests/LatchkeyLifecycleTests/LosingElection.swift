import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport

/// An election that everybody wins at once, and whose leadership ends when the test says so.
final class LosingElection: LeaderElection {
  private struct State {
    var campaigns = 0
    var failures: [LockError.Code]
    var losesAtOnce: Int
    var losesUnheard: Int
    var grant: LeaseGrant?
  }

  let name: LockName = "losing"
  let backend = LockBackend(kind: "losing", instance: "test")
  private let state: Locked<State>

  /// - Parameters:
  ///   - losesAtOnce: How many leaderships are lost before anybody hears of them.
  ///   - losesUnheard: How many are lost unheard: the resignation finds that.
  ///   - failures: What the first campaigns fail with.
  init(losesAtOnce: Int = 0, losesUnheard: Int = 0, failures: [LockError.Code] = []) {
    self.state = Locked(State(failures: failures, losesAtOnce: losesAtOnce, losesUnheard: losesUnheard))
  }

  var campaigns: Int { self.state.withLock { $0.campaigns } }

  func lose() { self.state.withLock { $0.grant }?.lose(because: "the test said so") }

  func campaign(value: String, within timeout: Duration?) async throws(LockError) -> Leadership {
    let name = self.name
    let isUnheard = self.state.withLock { state in
      state.losesUnheard -= 1
      return state.losesUnheard >= 0
    }
    let grant = LeaseGrant(name: name, backend: self.backend, loss: .byBackend, logger: .quiet) {
      () throws(LockError) in
      if isUnheard { throw .lost(name, because: "the test said so") }
    }
    let (failure, isLost) = self.state.withLock { state in
      state.campaigns += 1
      state.grant = grant
      let failure = state.failures.isEmpty ? nil : state.failures.removeFirst()
      if failure == nil { state.losesAtOnce -= 1 }
      return (failure, state.losesAtOnce >= 0)
    }
    if let failure { throw LockError(failure, name: self.name, message: "the test said so") }
    let lease = Lease(grant)
    if isLost { grant.lose(because: "the test said so") }
    return Leadership(lease: lease) { _ in }
  }

  func leader() async throws(LockError) -> Leader? { nil }

  var leaders: AsyncStream<Leader?> { AsyncStream { $0.finish() } }
}
