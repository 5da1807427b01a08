#if Etcd
internal import Latchkey
internal import NIOCore
internal import NIOPosix

/// A connection to a cluster without a session: for questions that leave nothing behind.
final class EtcdReader: Sendable {
  let configuration: EtcdClient.Configuration
  private let connections: EtcdConnections

  init(_ configuration: EtcdClient.Configuration) throws(EtcdError) {
    try configuration.validate()
    self.configuration = configuration
    self.connections = try EtcdConnections(configuration, loop: MultiThreadedEventLoopGroup.singleton.next())
  }

  deinit {
    self.connections.close()
  }

  func close() { self.connections.close() }

  func call<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ request: Request
  ) async throws(EtcdError) -> Response {
    try await self.connections.call(method, request, timeout: self.configuration.requestTimeout)
  }
}
#endif
