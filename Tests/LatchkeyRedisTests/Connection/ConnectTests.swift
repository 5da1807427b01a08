import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

extension RedisServerTests {
  @Suite("Connecting")
  struct ConnectTests {
    @Test(
      "works with RESP3 and with RESP2",
      arguments: [.newest, .resp2] as [RedisConnection.Configuration.ProtocolVersion]
    )
    func versions(version: RedisConnection.Configuration.ProtocolVersion) async throws {
      try await withConnection({ $0.protocolVersion = version }) { connection in
        expectEqual(try await connection.send(RedisCommand("PING")), .string(Array("PONG".utf8)))
        _ = try await connection.send(RedisCommand("HSET", "versions", "a", "1"))
        let fields: [RedisValue] = [Corpus.text("a"), Corpus.text("1")]
        let all = try await connection.send(RedisCommand("HGETALL", "versions"))
        #expect(all == (version == .newest ? .map(fields) : .array(fields)))
        expectEqual(try await connection.send(RedisCommand("GET", "no such key")), .null)
      }
    }

    @Test("shows the password, or user and password", arguments: [true, false], [true, false])
    func passwords(isNewest: Bool, hasUser: Bool) async throws {
      let server = RedisConfiguration {
        $0.password = "open sesame"
        $0.user = .init(name: "ann", password: "anns")
      }
      try await withRedis(server) { server in
        func configure(_ configuration: inout RedisConnection.Configuration) {
          configuration.protocolVersion = isNewest ? .newest : .resp2
          configuration.credential = hasUser ? .init(user: "ann", password: "anns") : .init(password: "open sesame")
        }
        try await withConnection(port: server.port, configure) { connection in
          let who = try await connection.send(RedisCommand("ACL", "WHOAMI"))
          #expect(who == Corpus.text(hasUser ? "ann" : "default"))
        }
        let wrong = try await redisError {
          try await withConnection(port: server.port) {
            configure(&$0)
            $0.credential?.password = "guess"
          } _: { _ in
          }
        }
        #expect(wrong.code == .notAuthorized)
        #expect(wrong.message.contains(hasUser ? "\"ann\"" : "\"default\""))
        #expect(!wrong.message.contains("guess"))
        let none = try await redisError {
          try await withConnection(port: server.port) {
            configure(&$0)
            $0.credential = nil
            $0.database = 1
          } _: { _ in
          }
        }
        #expect(none.code == .notAuthorized)
        expectEqual(try await server.command("PING"), ["PONG"])
      }
    }

    @Test("selects the database, also on the next connection", arguments: [true, false])
    func database(isNewest: Bool) async throws {
      try await withRedis { server in
        try await withFaultProxy(to: server.port) { proxy in
          try await withConnection(port: proxy.port) {
            $0.database = 5
            $0.protocolVersion = isNewest ? .newest : .resp2
          } _: { connection in
            _ = try await connection.send(RedisCommand("SET", "one", "1"))
            await proxy.reset()
            try await eventuallyTrue {
              (try? await connection.send(RedisCommand("SET", "two", "2"))) != nil
            }
          }
        }
        expectEqual(try await server.command("DBSIZE"), ["0"])
        expectEqual(try await server.command("INFO", "keyspace").first??.contains("db5:keys=2"), true)
      }
    }

    @Test("to a database that is not there says so")
    func noSuchDatabase() async throws {
      let error = try await redisError { try await withConnection({ $0.database = 16 }) { _ in } }
      #expect(error.code == .invalidConfiguration)
      #expect(error.message.contains("database 16"))
    }

    @Test("where nobody listens fails at once, and says what was tried")
    func nobody() async throws {
      try await withRedis { server in
        await server.kill()
        let begin = ContinuousClock.now
        let error = try await redisError { try await withConnection(port: server.port) { _ in } }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("127.0.0.1:\(server.port)"))
        #expect(error.message.contains("Connection refused"))
        #expect(ContinuousClock.now - begin < .seconds(2))
      }
    }

    @Test("to a host without an address says so")
    func noSuchHost() async throws {
      var configuration = RedisConnection.Configuration(host: "no-such-host.invalid")
      configuration.connectTimeout = .seconds(10)
      let error = try await redisError { _ = try await RedisConnection.connect(configuration) }
      #expect(error.code == .unreachable)
      #expect(error.message.contains("no-such-host.invalid:6379"))
    }

    @Test("to a server that takes the connection and says nothing fails within the connect timeout")
    func silentServer() async throws {
      try await withRedis { server in
        try server.pause()
        let begin = ContinuousClock.now
        let error = try await redisError {
          try await withConnection(port: server.port, { $0.connectTimeout = .milliseconds(200) }) { _ in }
        }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("answered nothing within 0.2 seconds"))
        #expect(ContinuousClock.now - begin >= .milliseconds(200))
        try server.resume()
      }
    }

    @Test("to a server of another kind says what it has sent")
    func otherServer() async throws {
      try await withFakeServer(answering: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)) { port in
        let error = try await redisError { try await withConnection(port: port) { _ in } }
        #expect(error.code == .protocolViolation)
        #expect(error.message.contains("HTTP/1.1 400"))
        #expect("\(error)".contains("127.0.0.1:\(port)"), "\(error)")
        #expect("\(error)".contains("as a server of HTTP/1 does"), "\(error)")
        #expect("\(error)".contains("check host and port"), "\(error)")
      }
      // What gRPC servers say before they are asked.
      try await withFakeServer(answering: [0, 0, 0, 4, 0, 0, 0, 0, 0]) { port in
        let error = try await redisError { try await withConnection(port: port) { _ in } }
        #expect("\(error)".contains("127.0.0.1:\(port)") && "\(error)".contains("gRPC"), "\(error)")
      }
      try await withFakeServer(answering: [0x15, 3, 1, 0, 2, 2, 22]) { port in
        let error = try await redisError { try await withConnection(port: port) { _ in } }
        #expect("\(error)".contains("127.0.0.1:\(port)") && "\(error)".contains("switch TLS on"), "\(error)")
      }
      try await withFakeServer(answering: nil) { port in
        let error = try await redisError { try await withConnection(port: port) { _ in } }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("closed the connection before it had answered"))
      }
    }

    @Test("falls back to RESP2 with a server that does not know HELLO")
    func olderServer() async throws {
      try await withRedis(RedisConfiguration { $0.settings = ["rename-command": "HELLO \"\""] }) { server in
        try await withConnection(port: server.port, { $0.database = 2 }) { connection in
          expectEqual(try await connection.send(RedisCommand("GET", "k")), .null)
        }
      }
    }

    @Test("need not be waited for: commands do")
    func lazy() async throws {
      let connection = try RedisConnection(.init(port: try await SharedRedis.value.port))
      expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
      await connection.close()
    }

    @Test("can be waited for until the connect timeout is over, however often an attempt fails before")
    func waitedFor() async throws {
      let port = try await SharedRedis.value.port
      try await withFaultProxy(to: port) { proxy in
        try await proxy.refuse()
        let connection = try RedisConnection(.init(port: proxy.port) { $0.connectTimeout = .seconds(30) })
        let ready = Task { try await connection.waitUntilReady() }
        for _ in 0..<3 {
          let error = try await redisError { try await connection.firstAttempt() }
          #expect(error.code == .unreachable)
        }
        try await proxy.refuse(false)
        try await ready.value
        await connection.close()
        #expect(try await redisError { try await connection.waitUntilReady() }.code == .closed)

        try await proxy.refuse()
        let hopeless = try RedisConnection(.init(port: proxy.port) { $0.connectTimeout = .milliseconds(300) })
        let begin = ContinuousClock.now
        let error = try await redisError { try await hopeless.waitUntilReady() }
        #expect(error.code == .unreachable && error.message.contains("refused"), "\(error)")
        #expect(ContinuousClock.now - begin >= .milliseconds(300))
        await hopeless.close()
      }
    }

    @Test("is refused with settings that contradict themselves")
    func settings() throws {
      for change in [
        { $0.host = "" }, { $0.port = 0 }, { $0.port = 65_536 }, { $0.database = -1 }, { $0.commandTimeout = .zero },
        { $0.connectTimeout = .seconds(-1) }, { $0.silenceLimit = .seconds(1) }, { $0.commandLimit = 0 },
        { $0.busyPolling = .milliseconds(2) }, { $0.busyPolling = .microseconds(-1) },
        { $0.tls = .init(authorityFile: "/no/such/file") }, { $0.tls = .init(certificateFile: "/some/file") },
        { $0.tls = .init(serverName: "10.0.0.1") },
      ] as [(inout RedisConnection.Configuration) -> Void] {
        let error = #expect(throws: RedisError.self) { try RedisConnection(.init(port: 6379, change)) }
        #expect(error?.code == .invalidConfiguration)
      }
    }

    @Test("never shows a password")
    func descriptions() {
      let configuration = RedisConnection.Configuration(port: 1) {
        $0.credential = .init(user: "ann", password: "secret")
      }
      var dumped = ""
      dump(configuration, to: &dumped)
      #expect(!"\(configuration)".contains("secret") && !String(reflecting: configuration).contains("secret"))
      #expect(!dumped.contains("secret"))
      #expect("\(configuration)".contains("ann"))
    }
  }
}
