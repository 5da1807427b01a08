import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("The lock on a Redis server that does not grant", .timeLimit(.minutes(2)))
struct RefusalServerTests {
  /// The error of a lock at a server that answers every command alike, and how long it took.
  private static func refusal(_ answer: String, within wait: Duration?) async throws -> (LockError, Duration) {
    let outcome = Locked<(LockError, Duration)?>(nil)
    try await withFakeServer(answering: Array("-\(answer)\r\n".utf8)) { port in
      let connection = try RedisConnection(.init(host: "127.0.0.1", port: port))
      let lock = try RedisLocks(executor: connection).lock(try uniqueName())
      let start = ContinuousClock.now
      let error = await failure(of: lock, within: wait)
      let time = ContinuousClock.now - start
      await connection.close()
      if let error { outcome.withLock { $0 = (error, time) } }
    }
    return try #require(outcome.withLock { $0 })
  }

  @Test(
    "says so at once where waiting does not help, in the server's words, also to those who would wait for ever",
    arguments: [
      "MOVED 866 127.0.0.1:7001", "READONLY You can't write against a read only replica.",
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ]
  )
  func final(answer: String) async throws {
    let (error, _) = try await Self.refusal(answer, within: nil)
    #expect("\(error)".contains(answer), "\(error)")
    #expect("\(error)".contains(answer.hasPrefix("MOVED") ? "cluster" : "replica"), "\(error)")
  }

  @Test(
    "is asked again where waiting may help, and its words are told when the time is up",
    arguments: ["LOADING Redis is loading the dataset in memory", "CLUSTERDOWN The cluster is down"]
  )
  func passing(answer: String) async throws {
    let (error, time) = try await Self.refusal(answer, within: .milliseconds(300))
    #expect(time >= .milliseconds(300))
    #expect(error.code == .unreachable)
    #expect("\(error)".contains(answer), "\(error)")
  }

  @Test("because its ACL knows the lock's name alone says which keys it must allow; the documented rights are enough")
  func rights() async throws {
    try await withRedis { server in
      let name: LockName = "orders/7"
      func use(_ credential: RedisConnection.Configuration.Credential) async throws -> LockError? {
        let connection = try await RedisConnection.connect(.init(port: server.port) { $0.credential = credential })
        var failure: LockError?
        do throws(LockError) {
          let lease = try await RedisLocks(executor: connection).lock(name).acquire(within: .seconds(20))
          try await lease.held.extend()
          try await lease.release()
        } catch {
          failure = error
        }
        await connection.close()
        return failure
      }
      try await server.command("ACL", "SETUSER", "ann", "on", ">anns", "~orders*", "&*", "+@all")
      let error = try #require(try await use(.init(user: "ann", password: "anns")))
      #expect(error.code == .notAuthorized)
      let keys = "\"\(name)\" and \"{\(name)}:latchkey\""
      #expect("\(error)".contains(keys) && "\(error)".contains("NOPERM"), "\(error)")
      try await withConnection(port: server.port) { connection in
        for rights in [
          "~*orders* &*orders* +eval +evalsha +get +set +del +pttl +pexpire +time",
          "+hello +ping +publish +subscribe +unsubscribe",
        ] {
          let words = ["ACL", "SETUSER", "bob", "on", ">bobs"] + rights.split(separator: " ").map(String.init)
          _ = try await connection.send(RedisCommand(words: words.map { Array($0.utf8) }))
        }
        _ = try await connection.send(RedisCommand("ACL", "LOG", "RESET"))
        // Held at first, so that bob subscribes as well.
        try await server.command("SET", "\(name)", "somebody else", "PX", "300")
        #expect(try await use(.init(user: "bob", password: "bobs")) == nil)
        expectEqual(try await connection.send(RedisCommand("ACL", "LOG")), .array([]))
      }
    }
  }

  @Test("that became a replica while it was in use is asked until it is a master again")
  func failover() async throws {
    try await withRedis { server in
      try await LockClient.with([server]) { client in
        let lock = client.lock(try uniqueName())
        try await lock.acquire(within: .seconds(5)).release()
        try await server.command("REPLICAOF", "127.0.0.1", "1")
        let error = try #require(await failure(of: lock, within: .milliseconds(200)))
        #expect(error.code == .unreachable)
        #expect("\(error)".contains("READONLY") && "\(error)".contains("replica"), "\(error)")
        let waiter = Task { try await lock.acquire(within: .seconds(10)).release() }
        try await server.command("REPLICAOF", "NO", "ONE")
        try await waiter.value
      }
    }
  }

  @Test("that became a replica is left for the master that its address leads to by now, by subscribers too")
  func anotherMaster() async throws {
    try await withRedis { old in
      try await withRedis { new in
        try await LockClient.with([old]) { client in
          let lock = client.lock(try uniqueName())
          try await lock.acquire(within: .seconds(5)).release()
          let stream = try await client.connections[0].subscribe(to: "c")
          let subscriber = Task { await stream.first { _ in true } }
          // Nothing ends the connections to the old one.
          await client.proxies[0].retarget(to: new.port)
          try await old.command("REPLICAOF", "127.0.0.1", "1")
          try await lock.acquire(within: .seconds(20)).release()
          #expect(await subscriber.value == nil)
          let again = try await client.connections[0].subscribe(to: "c")
          expectEqual(try await new.command("PUBSUB", "NUMSUB", "c").last ?? nil, "1")
          withExtendedLifetime(again) {}
        }
      }
    }
  }

  @Test("a replica that was never a master in our time is refused by a real server's words too")
  func replica() async throws {
    try await withRedis(RedisConfiguration { $0.settings = ["replicaof": "127.0.0.1 1"] }) { server in
      try await LockClient.with([server]) { client in
        let error = try #require(await failure(of: client.lock(try uniqueName()), within: nil))
        #expect("\(error)".contains("connect to its master"), "\(error)")
      }
    }
  }
}
