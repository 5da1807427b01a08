import Latchkey
import LatchkeyTesting

extension LockSubject {
  /// The simulated lock, whole or broken, with every fault that the suite knows.
  static func simulated(_ mutation: Mutation? = nil, isFenced: Bool = true) -> LockSubject {
    isFenced && mutation != .untypedTokens
      ? self.simulated(mutation, isFenced: isFenced) { $0 }
      : self.simulated(mutation, isFenced: isFenced) { SimulatedUnfencedLock(lock: $0) }
  }

  private static func simulated<Lock: DistributedLock>(
    _ mutation: Mutation?,
    isFenced: Bool,
    _ make: @escaping @Sendable (SimulatedLock) -> Lock
  ) -> LockSubject {
    let server = SimulatedServer(mutation)
    return LockSubject(
      label: Self.label("simulated", mutation),
      traits: isFenced ? [.fenced, .fair, .deadline, .namesHolder] : [.fair, .deadline, .namesHolder],
      faults: Self.faults(server) { (locks: SimulatedLocks<Lock>) in locks.client },
      makeClient: { SimulatedLocks(client: SimulatedClient(server, isFenced: isFenced), make: make) },
      close: { await $0.client.close() }
    )
  }

  /// The simulated read-write lock.
  static func simulatedReadWriteLock(_ mutation: Mutation? = nil) -> LockSubject {
    let server = SimulatedServer(mutation)
    return LockSubject(
      label: Self.label("simulated read-write lock", mutation),
      traits: [.fenced, .fair, .deadline],
      faults: Self.faults(server) { $0 },
      makeClient: { SimulatedClient(server, isFenced: true) },
      readWriteLock: { SimulatedReadWriteLock(client: $0, name: $1) },
      close: { await $0.close() }
    )
  }

  /// The simulated semaphore.
  static func simulatedSemaphore(_ mutation: Mutation? = nil) -> LockSubject {
    let server = SimulatedServer(mutation)
    return LockSubject(
      label: Self.label("simulated semaphore", mutation),
      traits: [.fair, .deadline, .sharesLimit],
      faults: Self.faults(server) { $0 },
      makeClient: { SimulatedClient(server, isFenced: mutation == .permitsCarryTokens) },
      semaphore: { SimulatedSemaphore(client: $0, name: $1, limit: $2) },
      close: { await $0.close() }
    )
  }

  private static func label(_ what: String, _ mutation: Mutation?) -> String {
    mutation.map { "\(what), \($0.rawValue)" } ?? what
  }

  /// Every fault that the suite knows.
  private static func faults<Client: Sendable>(
    _ server: SimulatedServer,
    _ client: @escaping @Sendable (Client) -> SimulatedClient
  ) -> LockFaults<Client> {
    var faults = LockFaults<Client>()
    faults.expireSession = { if let session = client($0).session { server.expire(session.id) } }
    faults.cutOff = { client($0).cut(true) }
    faults.heal = { client($0).cut(false) }
    faults.dropNextReply = { client($0).dropNext($1) }
    faults.stopServers = { server.setUp(false) }
    faults.startServers = { server.setUp(true) }
    faults.leftovers = { server.nodes($0) }
    faults.contenders = { server.contenders($0) }
    faults.breakLock = { _ = server.leaveAnyone($0) }
    return faults
  }
}
