import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("Operations on a server", .timeLimit(.minutes(1)))
struct OperationServerTests {
  /// The code of the error that a call throws; `ok` if none.
  private func code<Value>(_ call: () async throws -> Value) async -> ZooKeeperCode {
    do {
      _ = try await call()
      return .ok
    } catch {
      return (error as? ZooKeeperError)?.code ?? .systemError
    }
  }

  @Test("a node is created, read, written and deleted")
  func lifeOfANode() async throws {
    try await withClient { client, directory in
      let path = "\(directory)/a"
      let created = try await client.create(path, data: [1, 2, 3])
      #expect(created.path == path && created.stat.version == 0 && created.stat.dataLength == 3)
      #expect(try await client.get(path).data == [1, 2, 3])
      #expect(try await client.set(path, data: [], version: 0).version == 1)
      #expect(try await client.get(path).data == [])
      #expect(try await client.exists(path)?.createdBy == created.stat.createdBy)
      #expect(try await client.children(of: directory) == ["a"])
      #expect(await self.code { try await client.delete(path, version: 7) } == .badVersion)
      try await client.delete(path, version: 1)
      #expect(try await client.exists(path) == nil)
      #expect(await self.code { try await client.delete(path) } == .noNode)
    }
  }

  @Test("errors say what was tried, on which node, and what to do")
  func errors() async throws {
    try await withClient { client, directory in
      try await client.create("\(directory)/a")
      let error = await #expect(throws: ZooKeeperError.self) { try await client.create("\(directory)/a") }
      #expect(error?.code == .nodeExists && error?.operation == "create" && error?.path == "\(directory)/a")
      #expect(await self.code { try await client.create("\(directory)/x/y") } == .noNode)
      #expect(await self.code { try await client.delete(directory) } == .notEmpty)
      try await client.create("\(directory)/e", mode: .ephemeral)
      #expect(await self.code { try await client.create("\(directory)/e/f") } == .noChildrenForEphemerals)
    }
  }

  @Test("a bad path never reaches the server")
  func badPaths() async throws {
    try await withClient { client, directory in
      for path in ["", "a", "/a//b", "/a/", "/a\0b", "/a/.."] {
        #expect(await self.code { try await client.create(path) } == .badArguments)
        #expect(await self.code { try await client.get(path) } == .badArguments)
        #expect(await self.code { try await client.delete(path) } == .badArguments)
        #expect(await self.code { try await client.transaction([.check(path)]) } == .badArguments)
      }
    }
  }

  @Test("every mode names and keeps nodes as it says")
  func modes() async throws {
    try await withClient { client, directory in
      let id = try #require(client.currentSession).id
      #expect(try await client.create("\(directory)/p").stat.ephemeralOwner == 0)
      #expect(try await client.create("\(directory)/e", mode: .ephemeral).stat.ephemeralOwner == id)
      #expect(
        try await client.create("\(directory)/s-", mode: .persistentSequential).path == "\(directory)/s-0000000002"
      )
      let last = try await client.create("\(directory)/", mode: .ephemeralSequential)
      #expect(last.path == "\(directory)/0000000003" && last.stat.ephemeralOwner == id)
      try await client.create("\(directory)/c", mode: .container)
      let timed = try await client.create("\(directory)/t", mode: .persistentTTL(.seconds(60)))
      #expect(timed.stat.ephemeralOwner == 0)
      let path = try await client.create("\(directory)/u-", mode: .persistentSequentialTTL(.seconds(60))).path
      #expect(path == "\(directory)/u-0000000006")
      #expect(
        await self.code { try await client.create("\(directory)/v", mode: .persistentTTL(.zero)) } == .badArguments
      )
    }
  }

  @Test("missing parents are created, and parents that exist are left alone")
  func parents() async throws {
    try await withClient { client, directory in
      try await client.createParents("\(directory)/a/b/c")
      try await client.createParents("\(directory)/a/b/c")
      try await client.createParents("/")
      #expect(try await client.exists("\(directory)/a/b/c") != nil)
    }
  }

  @Test("access control lists are written, read and obeyed")
  func accessControl() async throws {
    try await withClient({ $0.credentials = [.digest(user: "bob", password: "secret")] }) { bob, directory in
      let path = "\(directory)/secret"
      _ = try await bob.create(path, data: [42], acl: .creatorAll)
      #expect(try await bob.get(path).data == [42])
      let acl = try await bob.acl(of: path).acl
      #expect(acl.count == 1 && acl.first?.scheme == "digest" && acl.first?.permissions == .all)
      #expect(acl.first?.id.hasPrefix("bob:") == true)

      try await withClient({ $0.credentials = [.digest(user: "bob", password: "wrong")] }) { other, _ in
        #expect(await self.code { _ = try await other.get(path) } == .noAuth)
        try await other.addAuth(.digest(user: "bob", password: "secret"))
        #expect(try await other.get(path).data == [42])
      }
      try await withClient { nobody, _ in
        #expect(await self.code { _ = try await nobody.get(path) } == .noAuth)
        try await bob.setACL(path, .readOnly)
        #expect(try await nobody.get(path).data == [42])
        #expect(await self.code { try await nobody.set(path, data: []) } == .noAuth)
      }
      #expect(await self.code { try await bob.setACL(path, []) } != .ok)
      #expect(await self.code { try await bob.create("\(directory)/none", acl: []) } == .invalidACL)
    }
  }

  @Test("a transaction does all and tells what each part brought")
  func transaction() async throws {
    try await withClient { client, directory in
      try await client.create("\(directory)/old", data: [1])
      let results = try await client.transaction([
        .check("\(directory)/old", version: 0), .create("\(directory)/new", data: [7]),
        .create("\(directory)/s-", mode: .ephemeralSequential), .set("\(directory)/old", data: [2, 3]),
        .create("\(directory)/gone"), .delete("\(directory)/gone"),
      ])
      #expect(results.count == 6 && results[0] == .done && results[5] == .done)
      #expect(results[1] == .created(path: "\(directory)/new"))
      #expect(results[2] == .created(path: "\(directory)/s-0000000002"))
      guard case .set(let stat) = results[3] else {
        Issue.record("no metadata: \(results[3])")
        return
      }
      #expect(stat.version == 1 && stat.dataLength == 2)
      #expect(try await client.get("\(directory)/new").data == [7])
      #expect(try await client.transaction([]) == [])
    }
  }

  @Test("a transaction that fails does nothing and names the first operation that failed")
  func failedTransaction() async throws {
    try await withClient { client, directory in
      try await client.create("\(directory)/a")
      let error = await #expect(throws: ZooKeeperError.self) {
        try await client.transaction([
          .create("\(directory)/b"), .check("\(directory)/a", version: 5), .delete("\(directory)/none"),
        ])
      }
      #expect(error?.code == .badVersion && error?.path == "\(directory)/a")
      #expect(error?.message.contains("operation 2 of 3") == true)
      #expect(try await client.children(of: directory) == ["a"])
    }
  }

  @Test("a transaction whose answer is lost blames none of its operations")
  func lostTransaction() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    try await withClient({ $0.servers = [proxy.connectString] }) { client, directory in
      _ = await proxy.dropReply(to: { $0.zooKeeperOperation == .multi }, thenReset: true)
      let error = await #expect(throws: ZooKeeperError.self) {
        try await client.transaction([.create("\(directory)/a"), .create("\(directory)/b")])
      }
      #expect(error?.code == .connectionLoss && error?.path == nil)
      #expect(error?.message.contains("operation 1") == false && error?.message.contains("may or may not") == true)
    }
    await proxy.stop()
  }

  @Test("a request that is too large is refused before it is sent, and disturbs no other")
  func tooLarge() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let data = [UInt8](repeating: 1, count: 1_100_000)
      #expect(await self.code { try await client.create("\(directory)/a", data: data) } == .badArguments)
      #expect(await self.code { try await client.set(directory, data: data) } == .badArguments)
      let half = Array(data.prefix(600_000))
      let parts: [ZooKeeperClient.Operation] = [
        .create("\(directory)/a", data: half), .create("\(directory)/b", data: half),
      ]
      #expect(await self.code { try await client.transaction(parts) } == .badArguments)
      let acl = [ACL](repeating: ACL(.all, scheme: "digest", id: String(repeating: "x", count: 1_000)), count: 1_000)
      #expect(await self.code { try await client.setACL(directory, acl) } == .badArguments)
      let reply = await answer { done in
        session.createAndScan(
          directory: directory,
          prefix: "\(directory)/x-lock-",
          data: data,
          acl: .open,
          markers: .locks,
          done
        )
      }
      #expect(reply.create.code == .badArguments && session.ephemeralBytes == 0)
      try await client.create("\(directory)/a", data: Array(data.prefix(990_000)))
      #expect(client.currentSession === session)
    }
  }

  @Test("a transaction refuses what the C client cannot do in one")
  func badTransaction() async throws {
    try await withClient { client, directory in
      let bad: [ZooKeeperClient.Operation] = [
        .create("\(directory)/c", mode: .container), .create("\(directory)/t", mode: .persistentTTL(.seconds(1))),
        .create("\(directory)//x"), .set("x", data: []),
      ]
      for operation in bad {
        let code = await self.code { try await client.transaction([.create("\(directory)/ok"), operation]) }
        #expect(code == .badArguments)
      }
      let many = (0..<1_000).map { ZooKeeperClient.Operation.create("\(directory)/n\($0)", data: [UInt8($0 % 256)]) }
      let results = try await client.transaction(many)
      #expect(results.count == 1_000)
      #expect(try await client.children(of: directory).count == 1_000)
    }
  }

  @Test("sync and large data")
  func largeData() async throws {
    try await withClient { client, directory in
      let data = [UInt8](repeating: 7, count: 500_000)
      try await client.create("\(directory)/big", data: data)
      try await client.sync("\(directory)/big")
      #expect(try await client.get("\(directory)/big").data == data)
    }
  }

  @Test("an operation in a cancelled task ends at once")
  func cancellation() async throws {
    try await withClient { client, directory in
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return await self.code { _ = try await client.get(directory) }
      }
      #expect(await task.value == .cancelled)
      let stat = try await client.exists(directory)
      #expect(stat != nil)
    }
  }
}
