#if Etcd
internal import Latchkey
internal import NIOCore
internal import NIOPosix

/// A connection to a cluster without a session: for questions that leave nothing behind.
final class EtcdReader: Sendable {
  let configuration: EtcdClient.Configuration
  private let connections: EtcdConnections

  init(_ configuration: EtcdClient.Configuration, admitsLearners: Bool = false) throws(EtcdError) {
    try configuration.validate()
    self.configuration = configuration
    self.connections = try EtcdConnections(
      configuration,
      loop: MultiThreadedEventLoopGroup.singleton.next(),
      admitsLearners: admitsLearners
    )
  }

  deinit {
    self.connections.close()
  }

  func close() { self.connections.close() }

  /// Asks what may be asked twice: a member that cannot serve at present is left for the next.
  func read<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ request: Request
  ) async throws(EtcdError) -> Response {
    var attempts = max(2, self.configuration.endpoints.count)
    while true {
      do throws(EtcdError) {
        return try await self.call(method, request)
      } catch {
        attempts -= 1
        // Without a connection, all members have been tried.
        guard error.isInDoubt, !error.isUnsent, attempts > 0 else { throw error }
      }
    }
  }

  /// Asks once.
  func call<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ request: Request
  ) async throws(EtcdError) -> Response {
    try await self.connections.call(method, request, timeout: self.configuration.requestTimeout)
  }
}
#endif
