internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// The process of a throw-away server with its folders and its watchdog: what all kinds of servers have in common.
///
/// Dropping it stops the server as the end of this process would: at once, without ceremony.
final class ServerProcess: Sendable {
  /// Waits for a word before it becomes the server, so that the watchdog knows the process before it can do anything.
  ///
  /// If we die in between, the word never comes and it ends.
  private static let launcher = "cd \"$1\" && shift && read -r go && exec \"$@\" </dev/null"

  let name: String
  let folder: ServerFolder
  /// A folder in memory for what is written at each request, where one was asked for and the system has one.
  let memoryFolder: ServerFolder?
  private let watchdog: Watchdog
  private let running = Locked<ServerChild?>(nil)

  /// Makes the folders; ``launch(_:)`` starts the server.
  ///
  /// - Parameters:
  ///   - name: The server's name in messages, and in lower case in the folder's name.
  ///   - inMemory: Whether a folder in memory is wanted too.
  init(name: String, inMemory: Bool = false) throws(ServerError) {
    self.name = name
    self.folder = try ServerFolder(name: name.lowercased())
    let shared = "/dev/shm"
    self.memoryFolder =
      inMemory && access(shared, W_OK) == 0 ? try ServerFolder(name: name.lowercased(), in: shared) : nil
    self.watchdog = try Watchdog(folders: [self.folder.path] + (self.memoryFolder.map { [$0.path] } ?? []))
  }

  var pid: pid_t? {
    self.running.withLock { $0?.pid }
  }

  var isRunning: Bool {
    self.running.withLock { $0?.isRunning ?? false }
  }

  /// Starts the program; an earlier process must have ended.
  func launch(_ arguments: [String]) throws(ServerError) {
    guard !self.isRunning else {
      throw ServerError(.system, "\(self.name) runs already; kill it before it is started again.")
    }
    let launcher = ["/bin/sh", "-c", Self.launcher, "latchkey-launcher", self.folder.path]
    let (gate, process) = try Lifeline.make { end throws(ServerError) in
      try ServerChild.start(launcher + arguments, input: end, output: self.folder.log)
    }
    self.watchdog.watch(process.pid)
    // Weak: the process must not keep alive what ends it when the server is dropped.
    let child = ServerChild(process) { [weak watchdog] in watchdog?.watchNothing() }
    self.running.withLock { $0 = child }
    gate.say("go")
  }

  /// Waits until the server says that it is ready.
  ///
  /// - Throws: `ServerError`, with the end of the log, when it ends first or takes too long; `CancellationError`.
  func waitUntilReady(within limit: Duration, _ isReady: () async -> Bool) async throws {
    var hasExited = false
    let isReady = try await eventually(within: limit) {
      hasExited = !self.isRunning
      return hasExited ? true : await isReady()
    }
    if hasExited { throw self.exitedError() }
    guard isReady else {
      throw ServerError(.notReady, "\(self.name) was not ready within \(limit). \(self.logReport)")
    }
  }

  /// Sends a signal to the server's process, which must run.
  func signal(_ number: CInt) throws(ServerError) {
    guard let child = self.running.withLock({ $0 }), child.isRunning else {
      throw ServerError(.exited, "\(self.name) does not run, so it cannot be sent a signal; restart it first.")
    }
    child.signal(number)
  }

  /// Kills the server and waits until it is gone.
  func kill() async {
    guard let child = self.running.withLock({ $0 }) else { return }
    child.signal(SIGKILL)
    await child.exit()
  }

  /// Ends the server in good order, by force if it takes too long, and waits until it is gone.
  func terminate() async {
    guard let child = self.running.withLock({ $0 }) else { return }
    child.signal(SIGTERM)
    child.signal(SIGCONT)  // A paused process would look at the first signal only when it goes on.
    if await !child.exit(before: .now + .seconds(5)) {
      child.signal(SIGKILL)
      await child.exit()
    }
  }

  /// Ends the server in good order and removes its folders.
  func stop() async {
    await self.terminate()
    await self.watchdog.finish()
  }

  private func exitedError() -> ServerError {
    let tail = self.folder.logTail
    let inUse = tail.lowercased().contains("address already in use") || tail.contains("BindException")
    return ServerError(inUse ? .addressInUse : .exited, "\(self.name) ended while it started. \(self.logReport)")
  }

  private var logReport: String {
    let tail = self.folder.logTail
    return tail.isEmpty ? "Its log is empty." : "The end of its log:\n\(tail)"
  }
}
