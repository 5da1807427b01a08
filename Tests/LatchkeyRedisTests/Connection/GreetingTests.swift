import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

extension RedisServerTests {
  /// What a server, or what stands before it, says instead of a welcome.
  @Suite("A server that answers the greeting with an error")
  struct GreetingTests {
    @Test(
      "is quoted, whether its words come before ours or as their answer",
      arguments: ["DENIED Redis is running in protected mode because it is open", "ERR the house is full"],
      [nil, "secret"]
    )
    func quoted(words: String, password: String?) async throws {
      try await withFakeServer(greetingWith: "-\(words)\r\n") { port in
        for _ in 0..<20 {
          let error = try await redisError {
            try await withConnection(port: port) {
              $0.connectTimeout = .milliseconds(500)
              $0.credential = password.map { .init(password: $0) }
            } _: { _ in
            }
          }
          #expect(error.message.contains(words), "\(error)")
          #expect("\(error)".contains("127.0.0.1:\(port)") && !"\(error)".contains("TLS"), "\(error)")
          #expect(error.code == (words.hasPrefix("DENIED") ? .notAuthorized : .unreachable))
        }
      }
    }

    @Test("is tried again within the connect timeout if it is full")
    func full() async throws {
      try await withRedis { server in
        let first = try await RedisConnection.connect(.init(port: server.port))
        _ = try await first.send(RedisCommand("CONFIG", "SET", "maxclients", "1"))
        try await eventuallyTrue {
          let clients = try await first.send(RedisCommand("INFO", "clients"))
          if case .string(let bytes) = clients {
            return String(decoding: bytes, as: UTF8.self).contains("connected_clients:1\r\n")
          }
          return false
        }
        let error = try await redisError {
          try await withConnection(port: server.port, { $0.connectTimeout = .milliseconds(300) }) { _ in }
        }
        #expect(error.code == .unreachable)
        #expect("\(error)".contains("max number of clients"), "\(error)")
        let second = Task {
          try await withConnection(port: server.port, { $0.connectTimeout = .seconds(30) }) { connection in
            try await connection.send(RedisCommand("PING"))
          }
        }
        try await eventuallyTrue {
          let stats = try await first.send(RedisCommand("INFO", "stats"))
          guard case .string(let bytes) = stats else { return false }
          // Two of the first attempt, at least one of this one.
          let line = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("rejected_connections:") }
          return line.flatMap { Int($0.dropFirst("rejected_connections:".count)) }.map { $0 >= 3 } ?? false
        }
        await first.close()
        expectEqual(try await second.value, Corpus.text("PONG"))
      }
    }

    @Test("to HELLO with a password that wants AUTH instead is shown the password by AUTH")
    func authenticatesApart() async throws {
      let said = Shared<[[String]]>([])
      try await withFakeServer(speaking: { words in
        said.change { $0.append(words) }
        switch words.first {
        case "HELLO": return "-NOAUTH Authentication required.\r\n"
        case "AUTH": return words == ["AUTH", "secret"] ? "+OK\r\n" : "-WRONGPASS no\r\n"
        default: return "+PONG\r\n"
        }
      }) { port in
        try await withConnection(port: port, { $0.credential = .init(password: "secret") }) { connection in
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
        }
        let error = try await redisError {
          try await withConnection(port: port, { $0.credential = .init(password: "guess") }) { _ in }
        }
        #expect(error.code == .notAuthorized && error.message.contains("WRONGPASS"))
        let open = try await redisError { try await withConnection(port: port) { _ in } }
        #expect(open.code == .notAuthorized && open.message.contains("NOAUTH"))
      }
      #expect(said.value.first == ["HELLO", "3", "AUTH", "default", "secret"])
    }

    @Test("by closing the connection at HELLO is tried once more in RESP2")
    func hangsUpAtHello() async throws {
      try await withFakeServer(speaking: { $0.first == "HELLO" ? nil : "+PONG\r\n" }) { port in
        try await withConnection(port: port) { connection in
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
        }
      }
    }

    @Test("and closes the connection afterwards is quoted too, without the password that it repeats")
    func closesAfterRefusal() async throws {
      let words = "ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `secret`, "
      try await withFakeServer(speaking: { $0.first == "HELLO" ? "-\(words)\r\n" : nil }) { port in
        for password in [nil, "secret"] {
          let error = try await redisError {
            try await withConnection(port: port, { $0.credential = password.map { .init(password: $0) } }) { _ in }
          }
          #expect(error.code == .unreachable)
          #expect("\(error)".contains("ERR unknown command `HELLO`"), "\(error)")
          #expect(!"\(error)".contains("secret") && !"\(error)".contains("TLS"), "\(error)")
        }
      }
    }

    @Test("that refuses everything afterwards is not taken for one that has accepted us")
    func refusesEverything() async throws {
      try await withFakeServer(speaking: { words in
        words.first == "HELLO" ? "-ERR unknown command 'HELLO'\r\n" : "-ERR this proxy has no server\r\n"
      }) { port in
        let error = try await redisError { try await withConnection(port: port) { _ in } }
        #expect("\(error)".contains("this proxy has no server"), "\(error)")
      }
    }
  }
}
