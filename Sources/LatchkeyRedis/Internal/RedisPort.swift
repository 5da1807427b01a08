internal import Latchkey

/// How a request to one server ended.
struct PortReply: Sendable {
  let result: Result<RedisValue, RedisError>
  /// Which run of the server it came from, where the client can tell.
  let identity: RedisServerIdentity?

  init(_ result: Result<RedisValue, RedisError>, identity: RedisServerIdentity? = nil) {
    self.result = result
    self.identity = identity
  }
}

/// One server as the locks see it: requests whose replies come to a closure, on whichever thread brings them.
///
/// No task is started per request where the client can do without.
protocol RedisPort: AnyObject, Sendable {
  /// What the server is called by people; holds no credentials.
  var address: String { get }

  /// Sends a command. The bytes are handed over before this returns, in the order of the calls, where the client can do that.
  func send(_ command: RedisCommand, then: @escaping @Sendable (PortReply) -> Void)

  /// Listens to a channel: `confirmed` is called when the server has confirmed it, `told` for every message, and `ended` once:
  /// with the reason if the subscription could not be made, with nil if it is lost.
  func listen(
    to channel: String,
    confirmed: @escaping @Sendable () -> Void,
    told: @escaping @Sendable () -> Void,
    ended: @escaping @Sendable (RedisError?) -> Void
  ) -> Listening
}

/// A subscription that can be given up.
struct Listening: Sendable {
  let end: @Sendable () -> Void
}

extension RedisPort {
  /// Carries out a script, by its name first, which a server that has not seen it does not know.
  func run(
    _ script: RedisScript,
    keys: [[UInt8]],
    arguments: [[UInt8]],
    then: @escaping @Sendable (PortReply) -> Void
  ) {
    self.send(script.shortCommand(keys: keys, arguments: arguments)) { reply in
      if case .failure(let error) = reply.result, error.isUnknownScript {
        self.send(script.fullCommand(keys: keys, arguments: arguments)) { then($0.explained(by: script)) }
      } else {
        then(reply.explained(by: script))
      }
    }
  }
}

/// A server behind whichever client a service runs: a task for each request, so the order of requests is not kept. What rests
/// on order waits for replies instead.
final class ExecutorPort: RedisPort {
  let address: String
  private let executor: any RedisExecutor

  init(_ executor: any RedisExecutor, address: String) {
    self.executor = executor
    self.address = address
  }

  func send(_ command: RedisCommand, then: @escaping @Sendable (PortReply) -> Void) {
    Task.detached { [executor] in
      do throws(RedisError) {
        then(PortReply(.success(try await executor.send(command))))
      } catch {
        then(PortReply(.failure(error)))
      }
    }
  }

  func listen(
    to channel: String,
    confirmed: @escaping @Sendable () -> Void,
    told: @escaping @Sendable () -> Void,
    ended: @escaping @Sendable (RedisError?) -> Void
  ) -> Listening {
    let task = Task.detached { [executor] in
      do throws(RedisError) {
        let messages = try await executor.subscribe(to: channel)
        confirmed()
        for await _ in messages { told() }
        ended(nil)
      } catch {
        ended(error)
      }
    }
    return Listening { task.cancel() }
  }
}
