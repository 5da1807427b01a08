import Latchkey
import LatchkeyTesting

extension LockSubject {
  /// The simulated lock, whole or broken, with every fault that the suite knows.
  static func simulated(_ mutation: Mutation? = nil, isFenced: Bool = true) -> LockSubject {
    let server = SimulatedServer(mutation)
    var faults = LockFaults<SimulatedClient>()
    faults.expireSession = { client in if let session = client.session { server.expire(session.id) } }
    faults.cutOff = { $0.cut(true) }
    faults.heal = { $0.cut(false) }
    faults.dropNextReply = { $0.dropNext($1) }
    faults.stopServers = { server.setUp(false) }
    faults.startServers = { server.setUp(true) }
    faults.leftovers = { server.nodes($0) }
    faults.contenders = { server.contenders($0) }
    faults.breakLock = { _ = server.leaveAnyone($0) }
    return LockSubject(
      label: mutation.map { "simulated, \($0.rawValue)" } ?? "simulated",
      traits: isFenced ? [.fenced, .fair, .deadline, .namesHolder] : [.fair, .deadline, .namesHolder],
      faults: faults,
      makeClient: { SimulatedClient(server, isFenced: isFenced) },
      close: { await $0.close() }
    )
  }
}
