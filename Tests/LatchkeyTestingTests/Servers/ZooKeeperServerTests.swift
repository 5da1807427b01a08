import LatchkeyTestSupport
import LatchkeyTesting
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension RealServerTests {
  @Suite
  struct ZooKeeperServerTests {
    @Test func `a started server answers and stands alone`() async throws {
      try await withZooKeeper { server in
        let answer = try await server.fourLetterWord("ruok")
        #expect(answer == "imok")
        #expect(try await server.mode() == .standalone)
        #expect(try await server.mntr()["zk_server_state"] == "standalone")
        #expect(server.connectString == "127.0.0.1:\(server.port)")
      }
    }

    @Test func `data outlives a kill, and the port stays the same`() async throws {
      try await withZooKeeper { server in
        try RawZooKeeper(port: server.port).create("/kept")
        await server.kill()
        #expect(server.processID == nil)
        await #expect(throws: ServerError.self) { try await server.fourLetterWord("ruok") }
        try await server.restart()
        #expect(try RawZooKeeper(port: server.port).exists("/kept"))
      }
    }

    @Test func `a running server can be restarted`() async throws {
      try await withZooKeeper { server in
        let first = server.processID
        try RawZooKeeper(port: server.port).create("/kept")
        try await server.restart()
        #expect(server.processID != first)
        #expect(try RawZooKeeper(port: server.port).exists("/kept"))
      }
    }

    @Test func `a paused server is silent until it is resumed`() async throws {
      try await withZooKeeper { server in
        try server.pause()
        // A signal stops the threads of a process one by one: on a busy machine one of them may still answer.
        try await eventuallyTrue {
          do throws(ServerError) {
            _ = try await server.fourLetterWord("ruok", within: .milliseconds(500))
            return false
          } catch {
            return true
          }
        }
        try server.resume()
        #expect(try await server.fourLetterWord("ruok") == "imok")
      }
    }

    @Test func `a paused server can be killed, and can be stopped`() async throws {
      try await withZooKeeper { server in
        try server.pause()
        await server.kill()
        #expect(server.processID == nil)
        try await server.restart()
        try server.pause()
      }
    }

    @Test func `nothing is left of a stopped server`() async throws {
      let server = try await ZooKeeperServer.start()
      let process = try #require(server.processID)
      #expect(isAlive(process))
      #expect(exists(server.folder + "/zoo.cfg"))
      await server.stop()
      #expect(!isAlive(process))
      #expect(!exists(server.folder))
    }

    @Test func `the scoped form stops the server when its body throws`() async throws {
      struct Failure: Error {}
      var folder = ""
      await #expect(throws: Failure.self) {
        try await withZooKeeper { server in
          folder = server.folder
          throw Failure()
        }
      }
      #expect(!folder.isEmpty)
      #expect(!exists(folder))
    }

    @Test func `a server that is dropped without a stop goes away`() async throws {
      func startAndDrop() async throws -> (process: Int32, folder: String) {
        let server = try await ZooKeeperServer.start()
        return (try #require(server.processID), server.folder)
      }
      let dropped = try await startAndDrop()
      #expect(try await eventually(within: .seconds(60)) { !isAlive(dropped.process) && !exists(dropped.folder) })
    }

    @Test func `a server that runs is not started a second time`() async throws {
      try await withZooKeeper { server in
        let process = server.processID
        #expect(throws: ServerError.self) { try server.launch() }
        #expect(server.processID == process)
      }
    }

    @Test func `a server leads a process group of its own and has none of its parent's descriptors`() async throws {
      let descriptor = open("/dev/null", O_RDONLY)
      try #require(descriptor >= 0)
      defer { close(descriptor) }
      // A number that the server does not use by itself, and which does not close itself on exec.
      try #require(dup2(descriptor, 900) == 900)
      defer { close(900) }
      try await withZooKeeper { server in
        let process = try #require(server.processID)
        #expect(getpgid(process) == process)
        #if !canImport(Darwin)
        #expect(exists("/proc/\(process)/fd/0"))
        #expect(!exists("/proc/\(process)/fd/900"))
        #endif
      }
    }

    @Test func `the settings reach the server`() async throws {
      let configuration = ZooKeeperConfiguration {
        $0.tick = .milliseconds(500)
        $0.minSessionTimeout = .seconds(3)
        $0.maxSessionTimeout = .seconds(4)
        $0.inMemory = true
        $0.quickStart = false
      }
      try await withZooKeeper(configuration) { server in
        let answer = try await server.fourLetterWord("conf")
        #expect(answer.contains("tickTime=500"))
        #expect(try RawZooKeeper(port: server.port, timeout: 100).timeout == 3000)
        #expect(try RawZooKeeper(port: server.port, timeout: 100_000).timeout == 4000)
      }
    }

    @Test func `an expired session takes its ephemeral nodes with it and cannot be resumed`() async throws {
      try await withZooKeeper { server in
        let client = try RawZooKeeper(port: server.port)
        try client.create("/held", ephemeral: true)
        #expect(try await server.connectedSessions().contains(client.session))
        try await server.expireSession(client.session)
        #expect(try !RawZooKeeper(port: server.port).exists("/held"))
        #expect(try RawZooKeeper(port: server.port, resuming: client.ticket).timeout == 0)
      }
    }

    @Test func `a session ends although its holder comes back at once, every time`() async throws {
      try await withZooKeeper { server in
        var holders: [StubbornHolder] = []
        for _ in 0..<50 {
          let client = try RawZooKeeper(port: server.port)
          try client.create("/held", ephemeral: true)
          holders.append(StubbornHolder(client.ticket, port: server.port))
          try await server.expireSession(client.session)
          #expect(try !RawZooKeeper(port: server.port).exists("/held"))
        }
        try await eventuallyTrue { holders.allSatisfy(\.knows) }
      }
    }

    @Test func `a session that is already over need not be expired again`() async throws {
      try await withZooKeeper { server in
        let client = try RawZooKeeper(port: server.port)
        try await server.expireSession(client.session)
        try await server.expireSession(client.session)
      }
    }

    @Test func `a server that is down expires nothing`() async throws {
      try await withZooKeeper { server in
        let client = try RawZooKeeper(port: server.port)
        await server.kill()
        await #expect(throws: ServerError.self) { try await server.expireSession(client.session) }
      }
    }
  }
}
