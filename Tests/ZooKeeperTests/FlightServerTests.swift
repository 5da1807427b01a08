import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("Requests in one flight, on a server", .timeLimit(.minutes(1)))
struct FlightServerTests {
  private func createAndScan(_ session: ZKSession, _ directory: String, _ id: String = "a") async -> CreateAndScanReply
  {
    await answer {
      session.createAndScan(
        directory: directory,
        prefix: "\(directory)/_c_\(id)-lock-",
        data: Array("me".utf8),
        acl: .open,
        markers: .locks,
        $0
      )
    }
  }

  @Test("a list that is refused behind a create is answered with the created node, which goes with its session")
  func refusedList() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let prefix = "\(directory)/_c_a-lock-"
      let reply = await answer {
        session.createAndScan(directory: "no path", prefix: prefix, data: [], acl: .open, markers: .locks, $0)
      }
      // Unless the session is closed before that is known.
      if let name = try? reply.create.get().name {
        #expect(name == "_c_a-lock-0000000000")
      } else {
        #expect(reply.create.code == .sessionExpired)
      }
      // As for any request that a session's end leaves unanswered, and not as if the client were closed.
      #expect(reply.scan.code == .sessionExpired)
      let next = try await client.waitForSession(within: .seconds(10))
      #expect(next.generation == 2)
      #expect(try await eventually { try await client.exists("\(prefix)0000000000") == nil })
    }
  }

  @Test("several ephemeral nodes are made at once or not at all, with numbers that follow one another")
  func createSeveral() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let prefix = "\(directory)/_c_a-lease-"
      for (count, first) in [(1, 0), (3, 1)] {
        let names = try await answer {
          session.createEphemerals(count, prefix: prefix, data: Array("me".utf8), acl: .open, $0)
        }.get()
        #expect(names == (first..<first + count).map { "_c_a-lease-000000000\($0)" })
      }
      let stat = try #require(try await client.exists("\(prefix)0000000003"))
      #expect(stat.ephemeralOwner == session.id && stat.dataLength == 2)
      let nowhere = await answer {
        session.createEphemerals(2, prefix: "\(directory)/none/_c_a-lease-", data: [], acl: .open, $0)
      }
      #expect(nowhere.code == .noNode)
      #expect(try await client.children(of: directory).count == 4)
    }
  }

  @Test("one answer says that a new node is the first")
  func createFirst() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let reply = await self.createAndScan(session, directory)
      let created = try reply.create.get()
      let scan = try reply.scan.get()
      #expect(created.name == "_c_a-lock-0000000000")
      #expect(created.czxid > 0)
      #expect(scan.count == 1 && scan.ownIndex == 0 && scan.nearest == nil && scan.first == created.name)
    }
  }

  @Test("one answer says which node comes before a new one, whatever else lies in the directory")
  func createBehind() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let first = try await self.createAndScan(session, directory, "z").create.get()
      #expect(await answer { session.createContainers("\(directory)/junk", acl: .open, $0) } == .ok)
      let second = try await self.createAndScan(session, directory, "a").create.get()
      let third = await self.createAndScan(session, directory, "m")
      let scan = try third.scan.get()
      #expect(scan.ownIndex == 2 && scan.nearest == second.name && scan.first == first.name && scan.count == 3)
      let look = await answer {
        session.scan(
          directory: directory,
          own: nil,
          matchPrefix: "_c_a",
          markers: .locks,
          sync: true,
          $0
        )
      }
      #expect(try look.get().matches == [second.name])
      #expect(try look.get().nearest == (try third.create.get().name))
    }
  }

  @Test("a missing directory is an error of both answers, and is created as containers")
  func missingDirectory() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let deep = "\(directory)/a/b/c"
      let reply = await self.createAndScan(session, deep)
      #expect(reply.create.code == .noNode)
      #expect(reply.scan.code == .noNode)
      #expect(await answer { session.createContainers(deep, acl: .open, $0) } == .ok)
      #expect(try await self.createAndScan(session, deep).create.get().name == "_c_a-lock-0000000000")
    }
  }

  @Test("a deletion watch fires once for the deletion and not for new data")
  func deletionWatch() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let path = try "\(directory)/" + (await self.createAndScan(session, directory).create.get().name)
      let events = Locked(0)
      #expect(
        await answer { session.watchDeletion(of: path, onEvent: { events.withLock { $0 += 1 } }, $0) } == .ok
      )
      #expect(await answer { session.delete(path, $0) } == .ok)
      #expect(try await eventually { events.withLock { $0 } == 1 })
      #expect(await answer { session.watchDeletion(of: path, onEvent: {}, $0) } == .noNode)
      #expect(session.state.withLock { $0.watches.count } == 0)
    }
  }

  @Test("a transaction is one request of a session: a result for each operation, or the one that failed")
  func transaction() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let node = "\(directory)/a"
      let done = await answer { done in
        session.transaction(
          [.create(node, mode: .ephemeral), .set(node, data: [1]), .check(node, version: 1), .delete(node)],
          defaultACL: .open,
          done
        )
      }
      let results = try done.get()
      #expect(results.count == 4 && results[0] == .created(path: node) && results[2...] == [.done, .done])
      if case .set(let stat) = results[1] { #expect(stat.version == 1) } else { Issue.record("\(results[1])") }

      let refused = await answer { done in
        session.transaction([.create(node), .check("\(directory)/b"), .delete(node)], defaultACL: .open, done)
      }
      let failure = try #require(throws: TransactionFailure.self) { try refused.get() }
      #expect(failure.operation == 1)
      #expect(failure.error.code == .noNode && failure.error.path == "\(directory)/b")
      #expect(try await client.exists(node) == nil)
    }
  }
}
