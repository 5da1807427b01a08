#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A server on this machine that exists for one test or one demonstration.
///
/// It listens on a free loopback port, keeps its data in a temporary folder, and ends, with its folder, at the latest when
/// this process ends, whichever way that happens.
public protocol ThrowawayServer: Sendable {
  /// The loopback port that clients connect to; it stays the same over restarts.
  var port: Int { get }

  /// The number of the server's process; nil while there is none.
  var processID: Int32? { get }

  /// The folder with the server's configuration, log and, unless they are in memory, data.
  var folder: String { get }

  /// Kills the server (SIGKILL) and waits until it is gone; its data stays.
  func kill() async

  /// Stops the server's process in its tracks (SIGSTOP): connections stay open and nothing answers.
  func pause() throws

  /// Lets a paused server go on.
  func resume() throws

  /// Starts the server again, on the same port with the same data; one that still runs is ended in good order first.
  func restart() async throws

  /// Ends the server in good order and removes its folder; it cannot be started again.
  func stop() async
}

/// A throw-away server that is made of one process.
protocol ProcessServer: ThrowawayServer {
  var process: ServerProcess { get }

  /// Starts the server's process, which must have been killed before, and does not wait for it.
  ///
  /// - Throws: ``ServerError`` if the program cannot be run.
  func launch() throws

  /// Waits until the server answers and, if it belongs to several, has a leader.
  ///
  /// - Throws: ``ServerError`` with the end of the server's log if it does not in time; `CancellationError`.
  func waitUntilReady() async throws
}

extension ProcessServer {
  /// The number of the server's process; nil while there is none.
  public var processID: Int32? { self.process.isRunning ? self.process.pid : nil }

  /// The folder with the server's configuration, log and, unless they are in memory, data.
  public var folder: String { self.process.folder.path }

  /// Kills the server (SIGKILL) and waits until it is gone; its data stays.
  public func kill() async {
    await self.process.kill()
  }

  /// Stops the server's process in its tracks (SIGSTOP): connections stay open and nothing answers.
  ///
  /// - Throws: ``ServerError`` if there is no process.
  public func pause() throws {
    try self.process.signal(SIGSTOP)
  }

  /// Lets a paused server go on.
  ///
  /// - Throws: ``ServerError`` if there is no process.
  public func resume() throws {
    try self.process.signal(SIGCONT)
  }

  /// Starts the server again, on the same port with the data that it keeps, and waits until it answers.
  ///
  /// A server that still runs is ended in good order first. A member of several answers only with a majority.
  ///
  /// - Throws: ``ServerError`` with the end of the server's log if it does not answer in time; `CancellationError`.
  public func restart() async throws {
    await self.process.terminate()
    try self.launch()
    try await self.waitUntilReady()
  }

  /// Ends the server in good order and removes its folder; it cannot be started again.
  public func stop() async {
    await self.process.stop()
  }

  /// Starts the server for the first time, and removes it if it does not answer.
  func started() async throws -> Self {
    do {
      try self.launch()
      try await self.waitUntilReady()
    } catch {
      await self.stop()
      throw error
    }
    return self
  }
}

/// The member that leads, of several that are asked again and again.
///
/// - Throws: ``ServerError`` when there is none within the limit; `CancellationError`.
func leader<Server>(
  of what: String,
  within limit: Duration,
  _ find: () async -> Server?
) async throws -> Server {
  var found: Server?
  _ = try await eventually(within: limit, every: .milliseconds(20)) {
    found = await find()
    return found != nil
  }
  guard let found else { throw ServerError(.notReady, "The \(what) has had no leader for \(limit).") }
  return found
}
