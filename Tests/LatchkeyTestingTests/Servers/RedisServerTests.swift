import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

extension RealServerTests {
  @Suite
  struct RedisServerTests {
    @Test func `a server answers commands, and is empty`() async throws {
      try await withRedis { server in
        #expect(try await server.command("PING") == ["PONG"])
        #expect(try await server.command("DBSIZE") == ["0"])
        try await server.command("RPUSH", "list", "a", "")
        #expect(try await server.command("LRANGE", "list", "0", "-1") == ["a", ""])
        #expect(try await server.command("MGET", "no", "such") == [nil, nil])
        #expect(server.connectString == "127.0.0.1:\(server.port)")
      }
    }

    @Test func `a command that is refused says why`() async throws {
      try await withRedis { server in
        let error = await #expect(throws: ServerError.self) { try await server.command("NOSUCH") }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("unknown command") == true)
      }
    }

    @Test func `a killed server has forgotten everything when it is started again, unless it keeps its data`()
      async throws
    {
      for keepsData in [true, false] {
        try await withRedis(RedisConfiguration { $0.keepsData = keepsData }) { server in
          try await server.command("SET", "k", "v")
          await server.kill()
          let error = await #expect(throws: ServerError.self) { try await server.command("PING") }
          #expect(error?.code == .noAnswer)
          try await server.restart()
          #expect(try await server.command("GET", "k") == [keepsData ? "v" : nil])
        }
      }
    }

    @Test func `the first run of a server is known to be fresh, and no later one`() async throws {
      func runID(_ server: RedisServer) async throws -> String {
        let info = try await server.command("INFO", "server").compactMap { $0 }.joined()
        let line = try #require(info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("run_id:") })
        return String(line.dropFirst(7))
      }
      try await withRedis { server in
        let first = try await runID(server)
        #expect(RedisServer.trustedRunIDs.contains(first))
        try await server.restart()
        let second = try await runID(server)
        #expect(!RedisServer.trustedRunIDs.contains(second))
      }
    }

    @Test func `a paused server answers when it goes on`() async throws {
      try await withRedis { server in
        try server.pause()
        async let answer = server.command("PING")
        try server.resume()
        #expect(try await answer == ["PONG"])
      }
    }

    @Test func `a server with a password, a user and TLS starts, and takes commands`() async throws {
      let configuration = RedisConfiguration {
        $0.password = "open sesame"
        $0.user = .init(name: "ann", password: "anns")
        $0.tls = true
        $0.databases = 3
        $0.settings = ["maxclients": "77"]
      }
      try await withRedis(configuration) { server in
        #expect(try await server.command("CONFIG", "GET", "databases") == ["databases", "3"])
        #expect(try await server.command("CONFIG", "GET", "maxclients") == ["maxclients", "77"])
        #expect(try await server.command("ACL", "USERS") == ["ann", "default"])
        #expect(exists(try #require(server.authorityFile)))
        // The first byte of TLS's answer to nonsense is that of an alert.
        let socket = try RawSocket(port: try #require(server.tlsPort))
        try socket.write(Array("PING\r\nPING\r\n".utf8))
        #expect(socket.readToEnd().bytes.first ?? 21 == 21)
      }
    }

    @Test func `five servers know nothing of each other`() async throws {
      try await withRedisServers { servers in
        for (index, server) in servers.enumerated() { try await server.command("SET", "k", "\(index)") }
        for (index, server) in servers.enumerated() { #expect(try await server.command("GET", "k") == ["\(index)"]) }
        #expect(Set(servers.map(\.port)).count == 5)
      }
    }

    @Test func `a stopped server leaves nothing behind`() async throws {
      let server = try await RedisServer.start()
      let process = try #require(server.processID)
      await server.stop()
      #expect(!isAlive(process))
      #expect(!exists(server.folder))
    }

    @Test func `a machine without Redis is told which package has it`() async {
      let configuration = RedisConfiguration { $0.program = "no-such-redis" }
      let error = await #expect(throws: ServerError.self) { try await RedisServer.start(configuration) }
      #expect(error?.code == .missing)
      #expect(error?.message.contains("apt-get install redis-server") == true)
    }

    @Test func `a Redis that does not understand its configuration is an error that shows why`() async {
      let configuration = RedisConfiguration { $0.settings = ["maxclients": "many"] }
      let error = await #expect(throws: ServerError.self) { try await RedisServer.start(configuration) }
      #expect(error?.code == .exited)
      #expect(error?.message.contains("maxclients") == true)
    }

    @Test func `a port that Redis finds taken is told apart from other errors`() async throws {
      let other = try EchoServer()
      let configuration = RedisConfiguration { $0.settings = ["port": String(other.port)] }
      let error = await #expect(throws: ServerError.self) { try await RedisServer.start(configuration) }
      #expect(error?.code == .addressInUse)
    }
  }
}
