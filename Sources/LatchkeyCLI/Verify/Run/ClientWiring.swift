internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyTesting

/// The proxies between each client and each server, so that every connection can be harmed by itself.
final class ClientWiring: Sendable {
  /// Where clients find the proxies.
  static let address = "127.0.0.1"

  /// The servers as clients know them.
  private let url: LockURL
  /// By client, then by server.
  private let proxies: [[FaultProxy]]
  /// The last session that a server has told each client of (ZooKeeper).
  private let sessions: Locked<[Int64?]>

  private init(url: LockURL, proxies: [[FaultProxy]]) {
    self.url = url
    self.proxies = proxies
    self.sessions = Locked(proxies.map { _ in nil })
  }

  static func start(to url: LockURL, clients: Int, framing: FaultProxy.Framing) async throws -> ClientWiring {
    var proxies: [[FaultProxy]] = []
    for _ in 0..<clients {
      var row: [FaultProxy] = []
      for host in url.hosts {
        row.append(try await FaultProxy.start(to: .init(host: host.name, port: host.port), framing: framing))
      }
      proxies.append(row)
    }
    let wiring = ClientWiring(url: url, proxies: proxies)
    if url.scheme == .zookeeper {
      for (client, row) in proxies.enumerated() {
        for proxy in row {
          _ = await proxy.watch(.serverToClient) { [weak wiring] frame in
            if frame.index == 0 { wiring?.note(frame.bytes, of: client) }
            return false
          }
        }
      }
    }
    return wiring
  }

  /// The lock's address for one client.
  func url(for client: Int) -> LockURL {
    var url = self.url
    // What goes through is encrypted from end to end, so the certificates are still those of the servers.
    url.hosts = zip(self.proxies[client], self.url.hosts).map { proxy, host in
      let ownName = self.url.scheme.usesTLS && !host.isAddress ? host.name : nil
      return LockURL.Host(name: Self.address, port: proxy.port, serverName: host.serverName ?? ownName)
    }
    return url
  }

  func session(of client: Int) -> Int64? { self.sessions.withLock { $0[client] } }

  func proxies(ofClient client: Int) -> [FaultProxy] { self.proxies[client] }

  func proxies(toServer server: Int) -> [FaultProxy] { self.proxies.map { $0[server] } }

  func stop() async {
    for proxy in self.proxies.joined() { await proxy.stop() }
  }

  /// Reads the session from the message that opens it: version, timeout granted, session.
  private func note(_ bytes: [UInt8], of client: Int) {
    guard bytes.count >= 20 else { return }
    let id = bytes[12..<20].reduce(0) { $0 << 8 | UInt64($1) }
    if id != 0 { self.sessions.withLock { $0[client] = Int64(bitPattern: id) } }
  }
}

extension FaultAction.Way {
  var direction: FaultProxy.Direction {
    switch self {
    case .requests: .clientToServer
    case .replies: .serverToClient
    case .both: .both
    }
  }
}
