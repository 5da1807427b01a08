internal import Latchkey
internal import LatchkeyPrimitives

/// A connection to one Redis server, that is made again whenever it is lost: as much of a client as locks need.
///
/// Any number of tasks may send at once: commands go out in the order of the calls, without waiting for each other's replies.
/// A command that blocks the connection at the server (`BLPOP`, `WAIT`) holds up all that were sent after it, and so does not
/// belong here; neither do transactions of several commands (`MULTI`), which the commands of others would come into.
///
/// While there is no connection, commands wait for the attempt that is under way, and fail with the code `unreachable` if it
/// fails; between two attempts they fail at once. No command is sent twice.
///
/// A connection that is dropped closes itself; ``close()`` waits until it is closed.
public final class RedisConnection: RedisExecutor {
  /// Where the server is and how the connection talks to it.
  public var configuration: Configuration { self.core.configuration }

  /// Runs tasks on the thread of the connection's event loop.
  ///
  /// A task that prefers it (`withTaskExecutorPreference(_:_:)`) sends its commands and gets their replies without a change of
  /// threads, which makes up about a fifth of the time that an uncontended lock takes. It must not block, and what it computes
  /// holds up everybody who shares the event loop.
  public var taskExecutor: any TaskExecutor { self.core.executor }

  let core: ConnectionCore
  private let hub: SubscriptionHub

  /// Begins to connect, and does not wait for it: commands do.
  ///
  /// - Parameter configuration: Where the server is and how to talk to it.
  /// - Throws: ``RedisError`` with the code `invalidConfiguration`.
  public init(_ configuration: Configuration) throws(RedisError) {
    self.core = try ConnectionCore(configuration)
    self.hub = SubscriptionHub(self.core)
    self.core.start()
  }

  /// Connects.
  ///
  /// - Parameter configuration: Where the server is and how to talk to it.
  /// - Returns: A connection that the server has accepted.
  /// - Throws: ``RedisError``: no server there, user or password refused, not a Redis server, `cancelled`.
  public static func connect(_ configuration: Configuration) async throws(RedisError) -> RedisConnection {
    let connection = try RedisConnection(configuration)
    do throws(RedisError) {
      try await connection.firstAttempt()
    } catch {
      await connection.close()
      throw error
    }
    return connection
  }

  deinit {
    self.hub.close()
    self.core.close {}
  }

  /// Waits until there is a connection, through as many attempts as fit into the configuration's connect timeout.
  ///
  /// For programs that would rather fail at the start than go on without their server. Nothing else need wait for it: commands do
  /// by themselves.
  ///
  /// - Throws: ``RedisError``: why the last attempt failed; at once if another attempt would not help.
  public func waitUntilReady() async throws(RedisError) {
    let deadline = ContinuousClock.now + self.core.configuration.connectTimeout
    while true {
      do throws(RedisError) {
        return try await self.firstAttempt()
      } catch {
        switch error.code {
        case .unreachable, .connectionLost, .timedOut: break
        default: throw error
        }
        let rest = ContinuousClock.now.duration(to: deadline)
        guard rest > .zero else { throw error }
        do { try await Task.sleep(for: min(rest, .milliseconds(50))) } catch { throw RedisError.cancelledWait }
      }
    }
  }

  /// Waits until there is a connection, or the attempt to make it that is under way has failed.
  ///
  /// - Throws: ``RedisError``: why there is none.
  package func firstAttempt() async throws(RedisError) {
    let answer = OneShot<Result<Void, RedisError>>()
    self.core.whenReady { answer.resolve($0) }
    try await answer.get(cancelled: .cancelledWait)
  }

  /// Sends one command and returns its reply.
  ///
  /// Cancelling the task ends the wait, not the command.
  ///
  /// - Parameter command: The command's words.
  /// - Returns: The reply, which is no error.
  /// - Throws: ``RedisError``, within the configured timeouts.
  public func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
    let answer = OneShot<Result<RedisValue, RedisError>>()
    self.core.send(command) { result, _ in answer.resolve(result) }
    return try await answer.get(cancelled: .cancelledWait)
  }

  /// Sends one command; its place among all commands, on the wire and at the server, is taken when this returns.
  ///
  /// - Parameters:
  ///   - command: The command.
  ///   - answer: Told the outcome, once, on the connection's event loop, never before this returns. It must not block.
  package func send(_ command: RedisCommand, then answer: @escaping @Sendable (Result<RedisValue, RedisError>) -> Void)
  {
    self.core.send(command) { result, _ in answer(result) }
  }

  /// Sends one command like ``send(_:then:)``, and tells besides which run of the server has answered: the one that the
  /// connection led to on which this very reply came. Nil with an error that is no reply, and unless the configuration asks
  /// for it.
  package func sendTagged(
    _ command: RedisCommand,
    then answer: @escaping @Sendable (Result<RedisValue, RedisError>, RedisServerIdentity?) -> Void
  ) {
    self.core.send(command, answer)
  }

  /// Listens to a channel, on a second connection that all subscriptions share.
  ///
  /// Of the messages that its reader has not taken yet, the newest 1024 are kept.
  ///
  /// - Parameter channel: The channel's name.
  /// - Returns: The messages that are published after the server has confirmed the subscription, which it has when this
  ///   returns. The sequence ends when the subscription is lost; when its reader ends, the subscription is given up.
  /// - Throws: ``RedisError``.
  public func subscribe(to channel: String) async throws(RedisError) -> AsyncStream<String> {
    let (stream, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1024))
    let answer = OneShot<Result<Void, RedisError>>()
    let subscription = self.hub.subscribe(
      to: channel,
      SubscriptionHub.Reader(
        confirmed: { answer.resolve($0) },
        message: { continuation.yield($0) },
        ended: { continuation.finish() }
      )
    )
    // Also when nobody takes the stream, which then ends with its last reference.
    continuation.onTermination = { _ in subscription.cancel() }
    do throws(RedisError) {
      try await answer.get(cancelled: .cancelledWait)
    } catch {
      continuation.finish()
      throw error
    }
    return stream
  }

  /// Listens to a channel, as ``subscribe(to:)`` does, without a task.
  ///
  /// - Parameters:
  ///   - channel: The channel's name.
  ///   - confirmed: Told once, on the event loop, that the server has confirmed the subscription, or why it has not: then
  ///     nothing else comes.
  ///   - message: Told each message, on the event loop.
  ///   - ended: Told once, on the event loop, if a confirmed subscription is lost.
  /// - Returns: What ends the subscription.
  package func subscribe(
    to channel: String,
    confirmed: @escaping @Sendable (Result<Void, RedisError>) -> Void,
    message: @escaping @Sendable (String) -> Void,
    ended: @escaping @Sendable () -> Void
  ) -> RedisSubscription {
    self.hub.subscribe(to: channel, .init(confirmed: confirmed, message: message, ended: ended))
  }

  /// Has a server that owes replies and says nothing given up after `limit`, if that is sooner than the configuration says:
  /// whoever uses the connection may have less time than that.
  func limitSilence(to limit: Duration) { self.core.limitSilence(to: limit) }

  /// Closes the connection, and waits until it is closed. Commands that wait fail; what was sent is not called back.
  public func close() async {
    self.hub.close()
    await withCheckedContinuation { continuation in
      self.core.close { continuation.resume() }
    }
  }
}

extension RedisError {
  static let cancelledWait = RedisError(
    .cancelled,
    "The task that waited for Redis was cancelled. Its command may have been carried out, or may be yet."
  )
}
