#if Redis && Etcd
import Foundation
import Latchkey
import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

/// The servers' certificates name them and no address: what is checked through the proxies is the name in the URL.
@Suite("latchkey verify over TLS", .serialized, .timeLimit(.minutes(5)))
struct VerifyTLSServerTests {
  private static let names = ["DNS:localhost"]

  @Test("harms encrypted connections to a Redis server, whose certificate is checked by its name")
  func redis() async throws {
    let configuration = RedisConfiguration {
      $0.tls = true
      $0.certificateNames = Self.names
    }
    try await withRedis(configuration) { server in
      let port = try #require(server.tlsPort)
      let authority = try #require(server.authorityFile)
      // Through a tunnel: what stands in the URL is not what the certificate names.
      let tunnel = "rediss://127.0.0.1:\(port)/verified?ttl=1s"
      let unnamed = await (try Latchkey(["verify", tunnel, "--ca-file", authority])).outcome()
      #expect(unnamed.status == 69 && unnamed.output == [], "\(unnamed.output)")
      #expect(unnamed.errorText.contains("--server-name"), "\(unnamed.errorText)")
      try await Self.expectPass(tunnel, authority, ["--server-name", "localhost"], seed: 12)
    }
  }

  @Test("harms encrypted connections to a majority of Redis servers, each with a certificate of its own")
  func redlock() async throws {
    let configuration = RedisConfiguration {
      $0.tls = true
      $0.certificateNames = Self.names
    }
    try await withRedisServers(configuration, count: 3) { servers in
      let folder = try TemporaryFolder()
      defer { folder.remove() }
      var (authorities, hosts) = ("", [String]())
      for server in servers {
        let file = try #require(server.authorityFile)
        authorities += try #require(contents(of: file))
        let port = try #require(server.tlsPort)
        hosts.append("localhost:\(port)")
      }
      try write(authorities, to: folder.file("ca.pem"))
      // The command has not started them: it believes servers that have run for twice what they may have forgotten.
      for server in servers {
        let isOld = try await eventually(within: .seconds(20)) { try await Self.uptime(of: server) >= 5 }
        try #require(isOld)
      }
      try await Self.expectPass(
        "redlocks://\(hosts.joined(separator: ","))/verified?ttl=1s",
        folder.file("ca.pem"),
        seed: 3
      )
    }
  }

  @Test("harms encrypted connections to etcd, whose certificate is checked by its name")
  func etcd() async throws {
    let folder = try ServerFolder(name: "certificates")
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let certificate = try await ServerCertificate.make(for: Self.names, in: folder)
    let configuration = EtcdConfiguration {
      $0.tls = .init(certificateFile: certificate.file, keyFile: certificate.keyFile)
    }
    try await withEtcd(configuration) { server in
      try await Self.expectPass("etcds://localhost:\(server.port)/verified?ttl=2s", certificate.file, seed: 5)
    }
  }

  private static func expectPass(
    _ url: String,
    _ authority: String,
    _ more: [String] = [],
    seed: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let outcome = try await Latchkey(
      ["verify", url, "--ca-file", authority, "--duration", "3s", "--seed", "\(seed)", "--faults", "cut", "--json"]
        + ["--processes", "2"] + more
    ).outcome()
    #expect(outcome.status == 0, "\(outcome.output) \(outcome.errorText)", sourceLocation: sourceLocation)
    let report = try JSON.decode(VerifyReport.self, from: try #require(outcome.output.first))
    #expect(report.violations == [] && report.grants > 0, sourceLocation: sourceLocation)
    #expect(report.faults.contains { $0.bitten > 0 }, sourceLocation: sourceLocation)
  }

  private static func uptime(of server: RedisServer) async throws -> Int {
    let lines = try await server.command("INFO", "server").compactMap { $0 }.joined().split(whereSeparator: \.isNewline)
    return lines.first { $0.hasPrefix("uptime_in_seconds:") }.flatMap { Int($0.split(separator: ":")[1]) } ?? 0
  }
}
#endif
