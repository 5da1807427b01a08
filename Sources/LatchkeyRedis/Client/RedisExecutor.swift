/// What the locks need of a Redis client. ``RedisConnection`` is ours; a service that runs a client already lets that conform.
///
/// An executor stands for **one** server, or one endpoint that always leads to the same data.
///
/// Commands should be carried out in the order in which `send` was called, as far as one connection carries them. A pool of
/// connections keeps no such order; the locks then stay correct, and what a slow request leaves behind lives until its TTL.
public protocol RedisExecutor: Sendable {
  /// Sends one command and returns its reply.
  ///
  /// Must end in bounded time, with an error if need be. Ending is not the same as being undone: a command whose reply was
  /// lost may have been carried out, or may be yet.
  ///
  /// - Parameter command: The command's words.
  /// - Returns: The reply, which is no error.
  /// - Throws: ``RedisError``; an error reply of the server has the code ``RedisError/Code/server``.
  func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue

  /// Listens to a channel.
  ///
  /// - Parameter channel: The channel's name.
  /// - Returns: The messages that are published after the server has confirmed the subscription, which it has when this
  ///   returns. The sequence ends when the subscription is lost; when its reader ends, the subscription is given up.
  /// - Throws: ``RedisError``.
  func subscribe(to channel: String) async throws(RedisError) -> AsyncStream<String>
}
