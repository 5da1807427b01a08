import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting

/// A database in memory with locks as many databases have them: each belongs to the session that took it, and ends when the
/// database ends the session. So a lease has no deadline, and can be lost all the same.
final class SessionDatabase: Sendable {
  struct Holder: Sendable {
    let session: Int
    let number: Int
    let grant: LeaseGrant
    /// The place in line of whoever holds the lock: the next one gets it when it is given back.
    let place: LeaseBox
  }

  private struct State {
    var holders: [LockName: Holder] = [:]
    var lastNumber = 0
  }

  private let state = Locked(State())

  /// A number for a session or a grant.
  func nextNumber() -> Int {
    self.state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
  }

  func holder(of name: LockName) -> Holder? { self.state.withLock { $0.holders[name] } }

  /// - Returns: Whether the lock was free, and is now the grant's.
  func take(_ name: LockName, _ holder: Holder) -> Bool {
    self.state.withLock { state in
      guard state.holders[name] == nil else { return false }
      state.holders[name] = holder
      return true
    }
  }

  /// - Returns: Whether the grant still had the lock.
  func give(_ name: LockName, _ number: Int) -> Bool {
    self.state.withLock { state in
      guard state.holders[name]?.number == number else { return false }
      state.holders[name] = nil
      return true
    }
  }

  /// Takes away what the condition names; its holders are told at once.
  func drop(because reason: String, _ isDropped: @Sendable (LockName, Holder) -> Bool) async throws {
    let dropped = self.state.withLock { state in
      let dropped = state.holders.filter(isDropped)
      for name in dropped.keys { state.holders[name] = nil }
      return dropped
    }
    for holder in dropped.values {
      holder.grant.lose(because: reason)
      try await holder.place.release()
    }
  }
}

/// One client of it: a session for each of its locks that is held.
struct SessionLocks: LockProvider {
  let database: SessionDatabase
  /// Shared by all clients, so that waiters need not poll.
  let lines: LocalLocks
  let loss: LeaseGrant.Loss
  let session: Int

  func lock(_ name: LockName) -> SessionLock { SessionLock(locks: self, name: name) }
}

struct SessionLock: DistributedLock {
  let locks: SessionLocks
  let name: LockName

  var backend: LockBackend { LockBackend(kind: "session", instance: "test") }

  func tryAcquire() async throws(LockError) -> Lease? {
    if Task.isCancelled { throw .cancelled(self.name) }
    guard let place = try await self.locks.lines.lock(self.name).tryAcquire() else { return nil }
    return self.lease(LeaseBox(place))
  }

  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    self.lease(LeaseBox(try await self.locks.lines.lock(self.name).acquire(within: timeout)))
  }

  private func lease(_ place: LeaseBox) -> Lease {
    let (database, name) = (self.locks.database, self.name)
    let number = database.nextNumber()
    let grant = LeaseGrant(
      name: name,
      backend: self.backend,
      loss: self.locks.loss,
      release: { () throws(LockError) in
        let wasHeld = database.give(name, number)
        try await place.release()
        if !wasHeld { throw .lost(name, because: "its session has ended") }
      }
    )
    let holder = SessionDatabase.Holder(session: self.locks.session, number: number, grant: grant, place: place)
    precondition(database.take(name, holder), "two have the lock")
    return Lease(grant)
  }
}

extension LockSubject {
  /// Locks without a deadline that can be lost.
  ///
  /// - Parameter loss: What the leases say can end them; `never` is a lie.
  static func sessions(_ loss: LeaseGrant.Loss) -> LockSubject {
    let (database, lines) = (SessionDatabase(), LocalLocks())
    var faults = LockFaults<SessionLocks>()
    faults.expireSession = { client in
      try await database.drop(because: "the database ended the session") { $1.session == client.session }
    }
    faults.breakLock = { name in
      try await database.drop(because: "it was deleted by hand") { dropped, _ in dropped == name }
    }
    return LockSubject(
      label: "sessions of a database",
      traits: [],
      faults: faults,
      makeClient: { SessionLocks(database: database, lines: lines, loss: loss, session: database.nextNumber()) },
      close: { _ in }
    )
  }
}
