import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("TLS from the command line", .timeLimit(.minutes(3)))
struct CommandTLSServerTests {
  private static let few = ["--workers", "2", "--count", "5", "--json"]

  @Test("reaches Redis with --ca-file, in one process and in two, and says what is missing without")
  func redis() async throws {
    try await withRedis(RedisConfiguration { $0.tls = true }) { server in
      let port = try #require(server.tlsPort)
      let authority = try #require(server.authorityFile)
      let url = "rediss://localhost:\(port)/x"
      for processes in ["1", "2"] {
        let good = await (try Latchkey(["contend", url, "--ca-file", authority, "--processes", processes] + Self.few))
          .outcome()
        #expect(good.status == 0, "\(good.errorText)")
        #expect(try good.report().backend == "redis")
      }
      let inURL = await (try Latchkey(["contend", "\(url)?ca=\(authority)"] + Self.few)).outcome()
      #expect(inURL.status == 0, "\(inURL.errorText)")

      let without = await (try Latchkey(["contend", url] + Self.few)).outcome()
      try Self.expectRefusal(without, "certificate is not to be trusted", "with --ca-file")
      let plain = await (try Latchkey(["contend", "redis://localhost:\(port)/x"] + Self.few)).outcome()
      try Self.expectRefusal(plain, "localhost:\(port)", "write rediss")
      let toPlain = await
        (try Latchkey(["contend", "rediss://localhost:\(server.port)/x?timeout=1s", "--ca-file", authority] + Self.few))
        .outcome()
      try Self.expectRefusal(toPlain, "localhost:\(server.port)", "TLS")
    }
  }

  @Test("shows Redis a client's certificate, and says that it wants one")
  func mutual() async throws {
    let configuration = RedisConfiguration {
      $0.tls = true
      $0.asksForClientCertificate = true
    }
    try await withRedis(configuration) { server in
      let url = "rediss://127.0.0.1:\(try #require(server.tlsPort))/x"
      let authority = ["--ca-file", try #require(server.authorityFile)]
      let client = try #require(server.clientCertificate)
      let identity = ["--cert-file", client.file, "--key-file", client.keyFile]
      let good = await (try Latchkey(["contend", url] + authority + identity + Self.few)).outcome()
      #expect(good.status == 0, "\(good.errorText)")
      let without = await (try Latchkey(["contend", url] + authority + Self.few)).outcome()
      try Self.expectRefusal(without, "certificate", "--cert-file and --key-file")
      let swapped = ["--cert-file", client.keyFile, "--key-file", client.file]
      let wrong = await (try Latchkey(["contend", url] + authority + swapped + Self.few)).outcome()
      #expect(wrong.status == 64 && wrong.errors.count == 1)
      #expect(wrong.errorText.contains("No certificate can be read from \(client.keyFile)"), "\(wrong.errorText)")
    }
  }

  @Test("reaches a majority of Redis servers with redlocks://")
  func redlock() async throws {
    try await withRedisServers(RedisConfiguration { $0.tls = true }, count: 3) { servers in
      let folder = try TemporaryFolder()
      defer { folder.remove() }
      // Each server has an authority of its own; one file holds all.
      var (authorities, hosts) = ("", [String]())
      for server in servers {
        let file = try #require(server.authorityFile)
        let port = try #require(server.tlsPort)
        authorities += try #require(contents(of: file))
        hosts.append("localhost:\(port)")
      }
      try write(authorities, to: folder.file("ca.pem"))
      let url = "redlocks://\(hosts.joined(separator: ","))/x?ttl=1s&timeout=2s"
      let authority = ["--ca-file", folder.file("ca.pem")]
      // The servers are new to the command, which believes them when what they may have forgotten has run out.
      let good = await (try Latchkey(["contend", url, "--wait", "20s"] + authority + Self.few)).outcome()
      #expect(good.status == 0, "\(good.errorText)")
      #expect(try good.report().backend == "redlock")
      let without = await (try Latchkey(["contend", url] + Self.few)).outcome()
      try Self.expectRefusal(without, "certificate is not to be trusted", "with --ca-file")
    }
  }

  @Test("reaches a server by another host than its certificate names with --server-name, and says so without")
  func serverName() async throws {
    let configuration = RedisConfiguration {
      $0.tls = true
      $0.certificateNames = ["DNS:redis.internal"]
    }
    try await withRedis(configuration) { server in
      let url = "rediss://127.0.0.1:\(try #require(server.tlsPort))/x"
      let authority = ["--ca-file", try #require(server.authorityFile)]
      let without = await (try Latchkey(["contend", url] + authority + Self.few)).outcome()
      try Self.expectRefusal(without, "that of another host", "--server-name")
      for processes in ["1", "2"] {
        let names = ["--server-name", "redis.internal", "--processes", processes]
        let good = await (try Latchkey(["contend", url] + authority + names + Self.few)).outcome()
        #expect(good.status == 0, "\(good.errorText)")
      }
      let wrong = await (try Latchkey(["contend", "\(url)?servername=redis.external"] + authority + Self.few)).outcome()
      try Self.expectRefusal(wrong, "that of another host", "--server-name")
    }
  }

  #if Etcd
  @Test("reaches etcd with --ca-file, and says what is missing without")
  func etcd() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let (file, key) = (folder.file("certificate.pem"), folder.file("key.pem"))
    let (lines, status) = try await LatchkeyCLITests.run([
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", file,
    ])
    try #require(status == .exited(0), "\(lines)")
    let configuration = EtcdConfiguration { $0.tls = .init(certificateFile: file, keyFile: key) }
    try await withEtcd(configuration) { server in
      let url = "etcds://\(server.endpoint)/x"
      let good = await (try Latchkey(["contend", url, "--ca-file", file] + Self.few)).outcome()
      #expect(good.status == 0, "\(good.errorText)")
      #expect(try good.report().backend == "etcd")
      let without = await (try Latchkey(["contend", "\(url)?timeout=1s"] + Self.few)).outcome()
      try Self.expectRefusal(without, "certificate is not to be trusted", "with --ca-file")
      let plain = await (try Latchkey(["contend", "etcd://\(server.endpoint)/x?timeout=1s"] + Self.few)).outcome()
      #expect(plain.status == 69 && plain.errors.count == 1, "\(plain.errorText)")
    }
  }
  #endif

  private static func expectRefusal(
    _ outcome: Latchkey.Outcome,
    _ what: String,
    _ remedy: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(outcome.status == 69, sourceLocation: sourceLocation)
    #expect(outcome.errors.count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.errorText.contains(what), "\(outcome.errorText)", sourceLocation: sourceLocation)
    #expect(outcome.errorText.contains(remedy), "\(outcome.errorText)", sourceLocation: sourceLocation)
    #expect(outcome.errorText.ranges(of: "; ").count == 1, "\(outcome.errorText)", sourceLocation: sourceLocation)
  }
}
