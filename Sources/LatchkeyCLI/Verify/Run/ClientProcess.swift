internal import Latchkey

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One life of a client process, as its parent sees it.
final class ClientProcess: Sendable {
  private struct State {
    var isReady = false
    var hasEnded = false
    var isDone = false
    var wasKilled = false
    var isInputClosed = false
    var waiting: [CheckedContinuation<Bool, Never>] = []
  }

  let client: Int
  let life: Int
  private let process: ChildProcess
  private let input: Int32
  private let errors: String
  private let state = Locked(State())
  private let ended: Task<VerifyHistory.End, Never>

  /// Starts a process, which connects at once and waits for ``go()``.
  ///
  /// - Parameters:
  ///   - client: Its place among the clients.
  ///   - life: How many processes have had this place before.
  ///   - plan: What it is to do.
  ///   - settings: Changes to its environment.
  ///   - errors: The file that takes what it says on standard error.
  ///   - record: Where everything goes that it tells.
  static func start(
    client: Int,
    life: Int,
    plan: VerifyPlan,
    settings: [String: String?],
    errors: String,
    record: VerifyRecord
  ) throws -> ClientProcess {
    let (input, output) = (try Pipe(), try Pipe())
    let errorFile = open(errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard errorFile >= 0 else { throw SystemError(doing: "open \(errors)") }
    defer { for end in [input.reading, output.writing, errorFile] { close(end) } }
    // A group of its own: a Ctrl-C on the terminal reaches the parent alone, which then tells the others.
    let process = try ChildProcess.spawn(
      [Executable.path, VerifyChildCommand.name],
      settings: settings.merging(["LATCHKEY_PASSWORD": nil]) { $1 },
      input: input.reading,
      output: output.writing,
      errors: errorFile,
      group: .own
    )
    let started = ClientProcess(client, life, process, input.writing, output.reading, errors, record)
    started.tell(try JSON.encode(plan))
    return started
  }

  private init(
    _ client: Int,
    _ life: Int,
    _ process: ChildProcess,
    _ input: Int32,
    _ output: Int32,
    _ errors: String,
    _ record: VerifyRecord
  ) {
    (self.client, self.life, self.process, self.input, self.errors) = (client, life, process, input, errors)
    let (told, tell) = AsyncStream.makeStream(of: ClientEvent.self)
    let heard = Task {
      for await line in Descriptors.lines(of: output) {
        // A line that is none was cut off by the end of its writer.
        guard let event = try? JSON.decode(ClientEvent.self, from: line) else { continue }
        if let answer = record.note(RecordedEvent(client: client, life: life, event: event)),
          case .write(let worker, _, _) = event
        {
          Descriptors.write(VerifyOrder.wrote(worker, answer) + "\n", to: input)
        }
        switch event {
        case .ready, .done: tell.yield(event)
        default: break
        }
      }
      tell.finish()
      close(output)
    }
    self.ended = Task {
      let change = await process.wait()
      await heard.value
      return VerifyHistory.End(client: client, life: life, at: ContinuousClock.now.sinceStart, complaint: "\(change)")
    }
    Task { [weak self] in
      for await event in told { self?.heard(event) }
      self?.heard(nil)
    }
  }

  var pid: Int32 { self.process.pid }

  var isRunning: Bool { self.state.withLock { !$0.hasEnded } }

  /// Waits until it is connected; false if it has ended instead.
  func ready() async -> Bool {
    await withCheckedContinuation { continuation in
      let known = self.state.withLock { state -> Bool? in
        if state.isReady { return true }
        if state.hasEnded { return false }
        state.waiting.append(continuation)
        return nil
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  /// Has whoever holds the lock there hold it for a while.
  func linger(_ duration: Duration) { self.tell(VerifyOrder.linger(duration)) }

  func go() { self.tell(VerifyOrder.go) }

  /// Tells it to give everything back and end, and waits for that.
  ///
  /// - Parameter limit: How long it may take until it is killed, which is then held against it.
  func stop(within limit: Duration) async -> VerifyHistory.End {
    self.tell(VerifyOrder.stop)
    self.process.signal(SIGCONT)
    let timer = Task {
      guard (try? await Task.sleep(for: limit)) != nil else { return false }
      self.process.signal(SIGKILL)
      return true
    }
    var end = await self.ended.value
    timer.cancel()
    let wasLate = await timer.value
    let (wasKilled, isDone) = self.state.withLock { ($0.wasKilled, $0.isDone) }
    self.closeInput()
    end.wasKilled = wasKilled
    end.complaint =
      wasKilled || (isDone && !wasLate)
      ? nil
      : wasLate ? "did not end within \(DurationText.format(limit)) when told to" : self.complaint(end.complaint ?? "")
    return end
  }

  /// Kills it, as a fault, and waits for its end.
  func kill() async -> VerifyHistory.End {
    self.state.withLock { $0.wasKilled = true }
    self.process.signal(SIGKILL)
    var end = await self.ended.value
    self.closeInput()
    (end.wasKilled, end.complaint) = (true, nil)
    return end
  }

  func pause() { self.process.signal(SIGSTOP) }

  func resume() { self.process.signal(SIGCONT) }

  private func complaint(_ change: String) -> String {
    let said = (try? String(contentsOfFile: self.errors, encoding: .utf8))?.suffix(400) ?? ""
    return "ended by itself (\(change)) \(said.split(separator: "\n").joined(separator: " | "))"
  }

  private func heard(_ event: ClientEvent?) {
    let waiting = self.state.withLock { state in
      switch event {
      case .ready: state.isReady = true
      case .done: state.isDone = true
      default: state.hasEnded = true
      }
      defer { state.waiting = [] }
      return state.waiting
    }
    let isReady = event == .ready
    for continuation in waiting { continuation.resume(returning: isReady) }
  }

  private func tell(_ line: String) {
    self.state.withLock { state in
      if !state.isInputClosed { _ = Descriptors.write(line + "\n", to: self.input) }
    }
  }

  private func closeInput() {
    self.state.withLock { state in
      guard !state.isInputClosed else { return }
      state.isInputClosed = true
      close(self.input)
    }
  }
}
