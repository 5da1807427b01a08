internal import Latchkey
internal import LatchkeyPrimitives

/// One run of one check: its clients, its contenders, its lock names, and what it is doing right now.
final class Trial: Sendable {
  private struct State {
    var clients: [TestClient] = []
    var contenders: [Contender] = []
    var grants: [Grant] = []
    var step = ""
  }

  /// A grant to one of the check's contenders.
  struct Grant {
    /// The number of the contender: how many were started before it.
    let contender: Int
    let token: FencingToken?
  }

  let subject: LockSubject
  /// The lock that the check is about; no other run uses this name.
  let name: LockName
  private let state = Locked(State())

  init(subject: LockSubject) throws {
    self.subject = subject
    self.name = try LockName("conformance/\(String(UInt64.random(in: 0 ... .max), radix: 36))")
  }

  /// What the check is doing, for the message if it gets no further.
  var currentStep: String { self.state.withLock { $0.step } }

  /// The grants to contenders, in the order in which they were made: each is noted while it stands.
  var grants: [Grant] { self.state.withLock { $0.grants } }

  func step(_ step: String) { self.state.withLock { $0.step = step } }

  /// A fresh client, closed when the check has ended.
  func client() async throws -> TestClient {
    let client = try await self.subject.makeClient()
    self.state.withLock { $0.clients.append(client) }
    return client
  }

  func clients(_ count: Int) async throws -> [TestClient] {
    var clients: [TestClient] = []
    for _ in 0..<count { clients.append(try await self.client()) }
    return clients
  }

  /// A lock of a fresh client.
  func lock() async throws -> any DistributedLock { try await self.client().lock(self.name) }

  /// A read-write lock of a fresh client.
  func readWriteLock() async throws -> any DistributedReadWriteLock { try await self.client().readWriteLock(self.name) }

  /// Read-write locks of fresh clients.
  func readWriteLocks(_ count: Int) async throws -> [any DistributedReadWriteLock] {
    try await self.clients(count).map { try $0.readWriteLock(self.name) }
  }

  /// A client that the check closes itself.
  func temporaryClient() async throws -> TestClient { try await self.subject.makeClient() }

  /// Another lock name of this run.
  func name(_ suffix: String) throws -> LockName { try LockName("\(self.name)-\(suffix)") }

  func expect(_ condition: Bool, _ expected: String, seen: @autoclosure () -> String) throws {
    guard !condition else { return }
    throw Unmet(expected: expected, seen: seen())
  }

  func expectEventually(_ expected: String, seen: String, _ condition: () async throws -> Bool) async throws {
    try self.expect(try await eventually(within: self.subject.slack, condition), expected, seen: seen)
  }

  /// Expects that a try is answered with nil.
  func expectBusy(_ lock: any DistributedLock) async throws {
    guard let lease = try await lock.tryAcquire() else { return }
    await lease.releaseQuietly()
    throw Unmet(expected: "nil from tryAcquire on a held lock", seen: "a lease")
  }

  /// Expects that a try is answered with a lease, and releases it.
  func expectNotBusy(_ lock: any DistributedLock) async throws {
    guard let lease = try await lock.tryAcquire() else {
      throw Unmet(expected: "a lease from tryAcquire on a free lock", seen: "nil")
    }
    try await lease.release()
  }

  /// Expects a lock error of a certain code.
  func expectError(_ code: LockError.Code, from what: String, _ operation: () async throws -> Void) async throws {
    do {
      try await operation()
    } catch {
      try self.expect(code ~= error, "\(what) to throw \(code)", seen: "\(error)")
      return
    }
    throw Unmet(expected: "\(what) to throw \(code)", seen: "no error")
  }

  /// Starts a contender; when this returns, its call is in progress.
  @discardableResult
  func contend(_ lock: any DistributedLock, within timeout: Duration? = nil) -> Contender {
    let number = self.state.withLock { $0.contenders.count }
    let contender = Contender(lock, within: timeout) { [weak self] held in
      self?.state.withLock { $0.grants.append(Grant(contender: number, token: held.token)) }
    }
    self.state.withLock { $0.contenders.append(contender) }
    return contender
  }

  /// Starts a contender and waits until it holds the lock.
  func holder(_ lock: any DistributedLock) async throws -> Contender {
    let contender = self.contend(lock)
    _ = try await contender.granted()
    return contender
  }

  /// Starts a contender and waits until it stands in line as the last of `count`, the holder included.
  func queue(_ lock: any DistributedLock, count: Int, within timeout: Duration? = nil) async throws -> Contender {
    let contender = self.contend(lock, within: timeout)
    guard let contenders = self.subject.contenders else {
      try await Task.sleep(for: self.subject.settling)
      return contender
    }
    let isQueued = try await eventually(within: self.subject.slack) { try await contenders(self.name) >= count }
    let seen = try await contenders(self.name)
    try self.expect(isQueued, "\(count) contenders in line", seen: "\(seen)")
    return contender
  }

  /// Expects that a contender goes on waiting for a while.
  func expectWaiting(_ contender: Contender, _ what: String) async throws {
    try await Task.sleep(for: self.subject.settling)
    try self.expect(contender.isWaiting, "\(what) to wait", seen: "\(contender.outcome.map { "\($0)" } ?? "a grant")")
  }

  /// Expects that a fresh client gets the lock promptly: nobody holds it, and nothing stands in the way.
  func expectFree(_ what: String) async throws {
    let contender = self.contend(try await self.lock(), within: self.subject.slack)
    do {
      _ = try await contender.granted()
    } catch {
      throw Unmet(expected: "a free lock \(what)", seen: "\(error)")
    }
    try await contender.release()
  }

  /// Expects that the backend holds nothing more for the lock, soon.
  func expectNoLeftovers(_ what: String) async throws {
    guard let leftovers = self.subject.leftovers else { return }
    let isEmpty = try await eventually(within: self.subject.slack) { try await leftovers(self.name) == 0 }
    let seen = try await leftovers(self.name)
    try self.expect(isEmpty, "nothing left behind \(what)", seen: "\(seen) nodes or keys")
  }

  /// Cuts a client off while the operation runs, and heals it afterwards however the operation ends.
  func whileCutOff<R>(_ client: TestClient, _ operation: () async throws -> R) async throws -> R {
    try await client.cutOff()
    return try await self.withHealing(client, operation)
  }

  /// Runs an operation that cuts a client off by itself, and heals the client however it ends.
  func withHealing<R>(_ client: TestClient, _ operation: () async throws -> R) async throws -> R {
    do {
      let result = try await operation()
      try await client.heal()
      return result
    } catch {
      try await client.heal()
      throw error
    }
  }

  /// Ends contenders that still run, then closes the clients.
  func cleanUp() async throws {
    let (contenders, clients) = self.state.withLock { ($0.contenders, $0.clients) }
    for contender in contenders { contender.giveUp() }
    for client in clients { try await client.close() }
  }
}
