import LatchkeyTestSupport
import LatchkeyTesting
import NIOSSL
import Testing

@testable import LatchkeyRedis

extension RedisServerTests {
  @Suite("TLS")
  struct TLSTests {
    @Test("protects the connection, against an authority of one's own")
    func works() async throws {
      try await withTLS { server, port in
        let tls = RedisConnection.Configuration.TLS(authorityFile: server.authorityFile)
        try await withConnection(port: port, { $0.tls = tls }) { connection in
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
          let many = try await withThrowingTaskGroup(of: RedisValue.self) { group in
            for _ in 0..<200 { group.addTask { try await connection.send(RedisCommand("INCR", "n")) } }
            return try await group.reduce(into: Set<RedisValue>()) { $0.insert($1) }
          }
          #expect(many.count == 200)
          let messages = try await connection.subscribe(to: "c")
          try await server.command("PUBLISH", "c", "hi")
          #expect(await messages.first { _ in true } == "hi")
        }
        var byName = RedisConnection.Configuration(host: "localhost", port: port)
        byName.tls = tls
        try await RedisConnection.connect(byName).close()
      }
    }

    @Test("refuses a server whom no authority vouches for, unless told not to look")
    func untrusted() async throws {
      try await withTLS { server, port in
        let error = try await redisError { try await withConnection(port: port, { $0.tls = .init() }) { _ in } }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("certificate is not to be trusted"))
        try await withConnection(port: port, { $0.tls = .init(verification: .none) }) { connection in
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
        }
      }
    }

    @Test("refuses a server with another name, unless told not to look at it")
    func otherName() async throws {
      try await withTLS(names: ["DNS:elsewhere.example"]) { server, port in
        var tls = RedisConnection.Configuration.TLS(authorityFile: server.authorityFile)
        let error = try await redisError { try await withConnection(port: port, { $0.tls = tls }) { _ in } }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("certificate is not to be trusted"))
        tls.serverName = "elsewhere.example"
        try await withConnection(port: port, { $0.tls = tls }) { _ in }
        tls.serverName = nil
        tls.verification = .authorityOnly
        try await withConnection(port: port, { $0.tls = tls }) { _ in }
      }
    }

    @Test("on a port without it, and none on a port with it, fail with advice")
    func mixedUp() async throws {
      try await withTLS { server, port in
        let tlsToPlain = try await redisError {
          try await withConnection(port: server.port) {
            $0.tls = .init(authorityFile: server.authorityFile)
            $0.connectTimeout = .seconds(1)
          } _: { _ in
          }
        }
        #expect(tlsToPlain.code == .unreachable)
        #expect(tlsToPlain.message.contains("TLS"))
        let plainToTLS = try await redisError {
          try await withConnection(port: port, { $0.connectTimeout = .seconds(1) }) { _ in }
        }
        #expect([.unreachable, .protocolViolation].contains(plainToTLS.code))
        #expect(plainToTLS.description.contains("TLS"))
      }
    }

    @Test("with a certificate of the client's own, where the server asks for one, and not without")
    func mutual() async throws {
      try await withTLS(asksForClient: true) { server, port in
        let client = try #require(server.clientCertificate)
        var tls = RedisConnection.Configuration.TLS(authorityFile: server.authorityFile)
        let without = try await redisError { try await withConnection(port: port, { $0.tls = tls }) { _ in } }
        #expect(without.code == .unreachable)
        #expect(without.description.contains("certificate"), "\(without)")
        (tls.certificateFile, tls.keyFile) = (client.file, client.keyFile)
        try await withConnection(port: port, { $0.tls = tls }) { connection in
          expectEqual(try await connection.send(RedisCommand("PING")), Corpus.text("PONG"))
        }
        // A pair, but of another authority.
        try await withTLS(asksForClient: true) { stranger, _ in
          let pair = try #require(stranger.clientCertificate)
          (tls.certificateFile, tls.keyFile) = (pair.file, pair.keyFile)
          let strange = try await redisError { try await withConnection(port: port, { $0.tls = tls }) { _ in } }
          #expect(strange.code == .unreachable)
          #expect(strange.description.contains("certificate"), "\(strange)")
          tls.certificateFile = client.file
          let unpaired = try await redisError { try await withConnection(port: port, { $0.tls = tls }) { _ in } }
          #expect(unpaired.code == .invalidConfiguration)
          #expect(unpaired.message.contains("give a pair"), "\(unpaired)")
        }
      }
    }

    @Test("refuses a server that offers no more than TLS 1.1", arguments: [false, true])
    func oldVersion(isNewEnough: Bool) async throws {
      let encrypted = try await OldTLSServer.serve(upTo: isNewEnough ? .tlsv12 : .tlsv11) { port, authorityFile in
        let error = try await redisError {
          try await withConnection(port: port, { $0.tls = .init(authorityFile: authorityFile) }) { _ in }
        }
        #expect(error.code == .unreachable)
        #expect("\(error)".contains("TLS 1.2 or newer") != isNewEnough, "\(error)")
      }
      #expect((encrypted > 0) == isNewEnough)
    }

    private func withTLS(
      names: [String] = ["DNS:localhost", "IP:127.0.0.1"],
      asksForClient: Bool = false,
      _ body: (RedisServer, _ port: Int) async throws -> Void
    ) async throws {
      let configuration = RedisConfiguration {
        $0.tls = true
        $0.certificateNames = names
        $0.asksForClientCertificate = asksForClient
      }
      try await withRedis(configuration) { server in
        try await body(server, try #require(server.tlsPort))
      }
    }
  }
}
