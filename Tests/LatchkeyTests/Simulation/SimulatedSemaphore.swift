import Latchkey
import LatchkeyTesting

/// A semaphore at the simulated server.
struct SimulatedSemaphore: DistributedSemaphore {
  let client: SimulatedClient
  let name: LockName
  let limit: LockSubject.Limit

  var backend: LockBackend { SimulatedLock(client: self.client, name: self.name).backend }

  private func permits(_ count: Int) throws(LockError) -> SimulatedLock {
    if self.client.mutation != .acceptsTooMany { try self.check(count, limit: self.isFixed ? self.first : nil) }
    return SimulatedLock(client: self.client, name: self.name, want: .permits(count, of: self.first))
  }

  private var isFixed: Bool { if case .fixed = self.limit { true } else { false } }

  private var first: Int {
    switch self.limit {
    case .fixed(let count), .shared(let count): count
    }
  }

  func tryAcquire(_ permits: Int) async throws(LockError) -> Lease? { try await self.permits(permits).tryAcquire() }

  func acquire(_ permits: Int, within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.permits(permits).acquire(within: timeout)
  }

  func setLimit(_ limit: Int) async throws(LockError) {
    try self.check(limit: limit)
    if self.isFixed { throw self.limitIsFixed }
    do {
      _ = try await self.client.send(.acquire) { $0.setLimit(limit, of: self.name) }
    } catch {
      throw LockError(.unreachable, name: self.name, message: "the simulated server does not answer")
    }
  }
}
