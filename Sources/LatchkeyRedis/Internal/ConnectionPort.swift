internal import Latchkey

/// A server behind our own connection: no task for a request, and requests are carried out in their order.
final class ConnectionPort: RedisPort {
  let address: String
  private let connection: RedisConnection

  /// - Parameter address: What to call the server, if not by its own address.
  init(_ connection: RedisConnection, address: String?) {
    self.connection = connection
    self.address = address ?? connection.configuration.address
  }

  func send(_ command: RedisCommand, then: @escaping @Sendable (PortReply) -> Void) {
    self.connection.sendTagged(command) { result, identity in then(PortReply(result, identity: identity)) }
  }

  func listen(
    to channel: String,
    confirmed: @escaping @Sendable () -> Void,
    told: @escaping @Sendable () -> Void,
    ended: @escaping @Sendable (RedisError?) -> Void
  ) -> Listening {
    let subscription = self.connection.subscribe(
      to: channel,
      confirmed: { result in
        switch result {
        case .success: confirmed()
        case .failure(let error): ended(error)
        }
      },
      message: { _ in told() },
      ended: { ended(nil) }
    )
    return Listening { subscription.cancel() }
  }
}
