#if Etcd
import Foundation
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import NIOSSL
import Testing

@testable import LatchkeyEtcd

@Suite("TLS to an etcd server", .serialized, .timeLimit(.minutes(3)))
struct TLSServerTests {
  /// Lends a server with a certificate of its own, and the certificate, which vouches for itself.
  private static func withTLS(
    names: [String] = ["IP:127.0.0.1", "DNS:localhost"],
    asksForClient: Bool = false,
    _ body: (EtcdServer, ServerCertificate, ServerFolder) async throws -> Void
  ) async throws {
    let folder = try ServerFolder(name: "certificates")
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let certificate = try await ServerCertificate.make(for: names, in: folder)
    let configuration = EtcdConfiguration {
      $0.tls = .init(
        certificateFile: certificate.file,
        keyFile: certificate.keyFile,
        clientAuthorityFile: asksForClient ? certificate.file : nil
      )
    }
    try await withEtcd(configuration) { server in try await body(server, certificate, folder) }
  }

  /// Takes and releases a lock over a new connection.
  ///
  /// - Returns: Why that was not possible, if it was not.
  private static func use(
    _ endpoint: String,
    _ tls: EtcdClient.Configuration.TLS?,
    within timeout: Duration = .seconds(1)
  ) async throws -> EtcdError? {
    var configuration = EtcdClient.Configuration(endpoints: [endpoint])
    configuration.connectTimeout = timeout
    configuration.tls = tls
    do {
      try await EtcdClient.withClient(configuration) { client in
        try await EtcdLocks(client: client).lock(try uniqueName()).acquire(within: .seconds(5)).release()
      }
      return nil
    } catch let error as EtcdError {
      return error
    }
  }

  private static func expectUse(
    _ endpoint: String,
    _ tls: EtcdClient.Configuration.TLS,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let error = try await self.use(endpoint, tls, within: .seconds(10))
    #expect(error == nil, sourceLocation: sourceLocation)
  }

  @Test("protects the connection, against an authority of one's own, by address and by name")
  func works() async throws {
    try await Self.withTLS { server, certificate, _ in
      let tls = EtcdClient.Configuration.TLS(authorityFile: certificate.file)
      try await Self.expectUse(server.endpoint, tls)
      try await Self.expectUse("localhost:\(server.port)", tls)
    }
  }

  @Test("refuses a server whom no known authority vouches for")
  func untrusted() async throws {
    try await Self.withTLS { server, _, folder in
      let ofSystem = try #require(try await Self.use(server.endpoint, .init()))
      #expect(ofSystem.code == .unreachable)
      #expect(ofSystem.message.contains("certificate is not to be trusted"), "\(ofSystem)")
      let elsewhere = try ServerFolder(name: "others", in: folder.path)
      let stranger = try await ServerCertificate.make(for: ["IP:127.0.0.1"], in: elsewhere)
      let ofStranger = try #require(try await Self.use(server.endpoint, .init(authorityFile: stranger.file)))
      #expect(ofStranger.code == .unreachable)
      #expect(ofStranger.message.contains("certificate is not to be trusted"), "\(ofStranger)")
    }
  }

  @Test("refuses a server with another name, unless that name is expected")
  func otherName() async throws {
    try await Self.withTLS(names: ["DNS:elsewhere.example"]) { server, certificate, _ in
      for endpoint in [server.endpoint, "localhost:\(server.port)"] {
        let error = try #require(try await Self.use(endpoint, .init(authorityFile: certificate.file)))
        #expect(error.code == .unreachable)
        #expect(error.message.contains("certificate is not to be trusted"), "\(error)")
        let expecting = EtcdClient.Configuration.TLS(
          authorityFile: certificate.file,
          serverName: "elsewhere.example"
        )
        try await Self.expectUse(endpoint, expecting)
      }
    }
  }

  @Test("with a certificate of the client's own, where the server asks for one, and not without")
  func mutual() async throws {
    try await Self.withTLS(asksForClient: true) { server, certificate, folder in
      var tls = EtcdClient.Configuration.TLS(authorityFile: certificate.file)
      let without = try #require(try await Self.use(server.endpoint, tls))
      #expect(without.code == .unreachable)
      #expect(without.description.contains("certificate"), "\(without)")

      let client = try await certificate.client(in: folder)
      (tls.certificateFile, tls.keyFile) = (client.file, client.keyFile)
      try await Self.expectUse(server.endpoint, tls)

      // A pair, but of another authority.
      let elsewhere = try ServerFolder(name: "others", in: folder.path)
      let stranger = try await ServerCertificate.make(for: ["IP:127.0.0.1"], in: elsewhere).client(in: elsewhere)
      (tls.certificateFile, tls.keyFile) = (stranger.file, stranger.keyFile)
      let strange = try #require(try await Self.use(server.endpoint, tls))
      #expect(strange.code == .unreachable)
      #expect(strange.description.contains("certificate"), "\(strange)")
      tls.certificateFile = client.file
      let unpaired = try #require(try await Self.use(server.endpoint, tls))
      #expect(unpaired.code == .invalidConfiguration)
      #expect(unpaired.message.contains("give a pair"), "\(unpaired)")
    }
  }

  @Test("refuses a server that offers no more than TLS 1.1", arguments: [false, true])
  func oldVersion(isNewEnough: Bool) async throws {
    let encrypted = try await OldTLSServer.serve(upTo: isNewEnough ? .tlsv12 : .tlsv11) { port, authorityFile in
      let error = try await Self.use("127.0.0.1:\(port)", .init(authorityFile: authorityFile))
      #expect(error?.code == .unreachable, "\(String(describing: error))")
      #expect("\(String(describing: error))".contains("TLS 1.2 or newer") != isNewEnough)
    }
    #expect((encrypted > 0) == isNewEnough)
  }

  @Test("on a server without it, and none on a server with it, fail with advice")
  func mixedUp() async throws {
    let plain = try await TestServers.shared.value.members[0]
    let toPlain = try #require(try await Self.use(plain.endpoint, .init()))
    #expect(toPlain.code == .unreachable)
    #expect(toPlain.description.contains("TLS"), "\(toPlain)")
    try await Self.withTLS { server, _, _ in
      let toTLS = try #require(try await Self.use(server.endpoint, nil))
      #expect(toTLS.code == .unreachable)
      #expect(toTLS.description.contains("TLS"), "\(toTLS)")
    }
  }
}
#endif
