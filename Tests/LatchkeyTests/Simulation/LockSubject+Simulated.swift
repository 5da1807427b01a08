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
    var faults = LockFaults<SimulatedLocks<Lock>>()
    faults.expireSession = { locks in if let session = locks.client.session { server.expire(session.id) } }
    faults.cutOff = { $0.client.cut(true) }
    faults.heal = { $0.client.cut(false) }
    faults.dropNextReply = { $0.client.dropNext($1) }
    faults.stopServers = { server.setUp(false) }
    faults.startServers = { server.setUp(true) }
    faults.leftovers = { server.nodes($0) }
    faults.contenders = { server.contenders($0) }
    faults.breakLock = { _ = server.leaveAnyone($0) }
    return LockSubject(
      label: mutation.map { "simulated, \($0.rawValue)" } ?? "simulated",
      traits: isFenced ? [.fenced, .fair, .deadline, .namesHolder] : [.fair, .deadline, .namesHolder],
      faults: faults,
      makeClient: { SimulatedLocks(client: SimulatedClient(server, isFenced: isFenced), make: make) },
      close: { await $0.client.close() }
    )
  }
}
