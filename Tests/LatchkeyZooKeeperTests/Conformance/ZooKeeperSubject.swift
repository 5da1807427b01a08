import Latchkey
import LatchkeyTesting
import LatchkeyZooKeeper

@testable import ZooKeeper

extension LockSubject {
  /// The ZooKeeper lock on given servers, with every fault that the suite knows.
  static func zooKeeper(_ label: String, _ servers: TestServers) async throws -> LockSubject {
    var subject = LockSubject(
      label: label,
      traits: [.fenced, .fair, .deadline, .namesHolder],
      faults: try await Self.faults(servers),
      makeClient: { try await TestClient.open(servers) },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }

  /// The ZooKeeper read-write lock on given servers, with every fault that the suite knows.
  static func zooKeeperReadWriteLock(_ label: String, _ servers: TestServers) async throws -> LockSubject {
    var subject = LockSubject(
      label: label,
      traits: [.fenced, .fair, .deadline, .namesHolder],
      faults: try await Self.faults(servers),
      makeClient: { try await TestClient.open(servers) },
      readWriteLock: { $0.locks.readWriteLock($1) },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }

  /// The ZooKeeper semaphore on given servers, with every fault that the suite knows.
  static func zooKeeperSemaphore(_ label: String, _ servers: TestServers) async throws -> LockSubject {
    let observer = try await TestClient.open(servers, sessionTimeout: .seconds(10))
    var faults = try await Self.faults(servers)
    faults.dropNextReply = { client, reply in
      switch reply {
      case .acquire: await client.dropNextReply(to: [.createAndState, .multi])
      case .release: await client.dropNextReply(to: [.delete])
      }
    }
    faults.leftovers = { name in try await observer.permits(of: name) + observer.count("/\(name)/locks") }
    faults.breakLock = { name in
      if let first = try await observer.leases(of: name).first { try await observer.delete("/\(name)/leases/\(first)") }
    }
    var subject = LockSubject(
      label: label,
      traits: [.fair, .deadline, .namesHolder, .sharesLimit],
      faults: faults,
      makeClient: { try await TestClient.open(servers) },
      semaphore: { client, name, limit in
        switch limit {
        case .fixed(let limit): client.locks.semaphore(name, limit: .fixed(limit))
        case .shared(let limit): client.locks.semaphore(name, limit: .shared(seed: limit))
        }
      },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }

  private static func faults(_ servers: TestServers) async throws -> LockFaults<TestClient> {
    // An observer with a session of its own sees what is left at the servers.
    let observer = try await TestClient.open(servers, sessionTimeout: .seconds(10))
    var faults = LockFaults<TestClient>()
    faults.expireSession = { client in try await servers.member().expireSession(try client.sessionID) }
    faults.cutOff = { client in await client.cutOff() }
    faults.heal = { client in await client.heal() }
    faults.dropNextReply = { client, reply in
      switch reply {
      case .acquire: await client.dropNextReply(to: [.createAndState])
      case .release: await client.dropNextReply(to: [.delete])
      }
    }
    faults.stopServers = { for member in servers.members { await member.kill() } }
    faults.startServers = {
      for member in servers.members { try member.launch() }
      for member in servers.members { try await member.waitUntilReady() }
    }
    faults.leftovers = { name in try await observer.count("/\(name)") }
    faults.breakLock = { name in
      if let first = try await observer.scan("/\(name)")?.first { try await observer.delete("/\(name)/\(first)") }
    }
    return faults
  }
}
