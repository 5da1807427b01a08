#if Etcd
import Latchkey
import LatchkeyNetwork
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("An etcd client that is pointed at something else", .timeLimit(.minutes(2)))
struct OtherServersServerTests {
  private static func error(_ endpoint: String, tls: EtcdClient.Configuration.TLS? = nil) async throws -> EtcdError {
    var configuration = EtcdClient.Configuration(endpoints: [endpoint])
    configuration.connectTimeout = .seconds(2)
    configuration.tls = tls
    do {
      try await EtcdClient.withClient(configuration) { _ in }
    } catch let error as EtcdError {
      return error
    }
    struct Accepted: Error {}
    throw Accepted()
  }

  @Test("says that it is a Redis server, and which endpoint it is")
  func redis() async throws {
    try await withRedis { server in
      let endpoint = "127.0.0.1:\(server.port)"
      let error = try await Self.error(endpoint)
      #expect(error.code == .unreachable)
      #expect("\(error)".contains("\(endpoint): it answers as a Redis server does"), "\(error)")
      #expect("\(error)".contains("check host and port"), "\(error)")
      let encrypted = try await Self.error(endpoint, tls: .init())
      #expect("\(encrypted)".contains(endpoint) && "\(encrypted)".contains("TLS"), "\(encrypted)")
    }
  }

  @Test("says so at once: it does not mend by itself")
  func atOnce() async throws {
    try await withRedis { server in
      var configuration = EtcdClient.Configuration(endpoints: ["127.0.0.1:\(server.port)"])
      configuration.connectTimeout = .seconds(60)
      let start = ContinuousClock.now
      let error = await #expect(throws: EtcdError.self) { try await EtcdClient.withClient(configuration) { _ in } }
      #expect(error?.description.contains("as a Redis server does") == true)
      #expect(ContinuousClock.now - start < .seconds(30))
    }
  }

  @Test("says that it speaks TLS, if it does so to those who do not")
  func tls() async throws {
    let configuration = RedisConfiguration { $0.tls = true }
    try await withRedis(configuration) { server in
      let endpoint = "127.0.0.1:\(try #require(server.tlsPort))"
      let error = try await Self.error(endpoint)
      #expect(error.code == .unreachable)
      #expect("\(error)".contains(endpoint) && "\(error)".contains("switch TLS on"), "\(error)")
      #expect(!"\(error)".contains("NIO") && !"\(error)".contains("Frame"), "\(error)")
    }
  }

  @Test("tells servers by their first bytes")
  func greetings() {
    #expect(SniffedProtocol(firstBytes: []) == nil)
    #expect(SniffedProtocol(firstBytes: Array("HTTP/1.1 400 Bad Request".utf8)) == .http1)
    #expect(SniffedProtocol(firstBytes: Array("-ERR unknown command".utf8)) == .redis)
    #expect(SniffedProtocol(firstBytes: [0, 0, 6, 4, 0, 0]) == .http2)
    #expect(SniffedProtocol(firstBytes: [0x15, 3, 1, 0, 2]) == .tls)
    #expect(SniffedProtocol(firstBytes: Array("220 mail".utf8)) == .unknown)
  }

  @Test("refuses to expect another address than that which is connected to: nobody would look for it")
  func address() async throws {
    let error = try await Self.error("localhost:2379", tls: .init(serverName: "10.0.0.1"))
    #expect(error.code == .invalidConfiguration)
  }
}
#endif
