internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// One life of a client process, as its parent sees it.
final class ClientProcess: Sendable {
  private struct State {
    var hasEnded = false
    var isDone = false
    var wasKilled = false
    var isInputClosed = false
  }

  /// What it has told of itself, or shown.
  private final class Known: Sendable {
    let state = Locked(State())
    /// Whether it is connected, or has ended instead.
    let (readiness, tell) = AsyncStream.makeStream(of: Bool.self)

    /// - Parameter event: Nil when it says nothing any more.
    func note(_ event: ClientEvent?) {
      switch event {
      case .ready: self.tell.yield(true)
      case .done: self.state.withLock { $0.isDone = true }
      case nil:
        self.state.withLock { $0.hasEnded = true }
        self.tell.finish()
      default: break
      }
    }
  }

  /// How it came to its end.
  private struct Ending: Sendable {
    var change: ChildProcess.Change
    var at: UInt64
  }

  let client: Int
  let life: Int
  private let process: ChildProcess
  private let input: Int32
  private let errors: String
  private let known = Known()
  private let ended: Task<Ending, Never>

  /// Starts a process, which connects at once and waits for ``go()``.
  ///
  /// - Parameters:
  ///   - client: Its place among the clients.
  ///   - life: How many processes have had this place before.
  ///   - plan: What it is to do.
  ///   - settings: Changes to its environment.
  ///   - errors: The file that takes what it says on standard error.
  ///   - record: Where everything goes that it tells.
  ///   - command: The program; this one by default.
  init(
    client: Int,
    life: Int,
    plan: VerifyPlan,
    settings: [String: String?],
    errors: String,
    record: VerifyRecord,
    command: [String] = [Executable.path, VerifyChildCommand.name]
  ) throws {
    let order = try JSON.encode(plan)
    let errorFile = try Descriptors.create(errors, appending: true)
    defer { Descriptors.close(errorFile) }
    let environment = settings.merging(["LATCHKEY_PASSWORD": nil]) { $1 }
    let (process, input, output) = try ChildProcess.piped(command, settings: environment, errors: errorFile)
    (self.client, self.life, self.process, self.input, self.errors) = (client, life, process, input, errors)
    let known = self.known
    let heard = Task {
      for await line in Descriptors.lines(of: output) {
        // A line that is none was cut off by the end of its writer.
        guard let event = try? JSON.decode(ClientEvent.self, from: line) else { continue }
        if let answer = record.note(RecordedEvent(client: client, life: life, event: event)),
          case .write(let worker, _, _) = event
        {
          Descriptors.write(VerifyOrder.wrote(worker, answer) + "\n", to: input)
        }
        known.note(event)
      }
      known.note(nil)
      Descriptors.close(output)
    }
    self.ended = Task {
      let change = await process.wait()
      await heard.value
      return Ending(change: change, at: ContinuousClock.now.sinceStart)
    }
    self.tell(order)
  }

  var pid: Int32 { self.process.pid }

  /// Waits until it is connected; false if it has ended instead. Call it once.
  func ready() async -> Bool {
    for await isReady in self.known.readiness { return isReady }
    return false
  }

  /// Makes the holder there keep the lock for a while.
  func linger(_ duration: Duration, isWatched: Bool) {
    self.tell(VerifyOrder.linger(duration, isWatched: isWatched))
  }

  func go() { self.tell(VerifyOrder.go) }

  /// Tells it to give everything back and end, and waits for that.
  ///
  /// - Parameter limit: How long it may take until it is killed, which is then held against it.
  func stop(within limit: Duration) async -> ClientHistory.End {
    let (ending, isLate) = await self.end(within: limit)
    let (wasKilled, isDone) = self.known.state.withLock { ($0.wasKilled, $0.isDone) }
    let isGood = isDone && !isLate && ending.change == .exited(ExitStatus.success.code)
    let complaint =
      isLate ? "did not end within \(DurationText.format(limit)) when told to" : self.complaint(ending.change)
    return self.end(ending.at, complaint: wasKilled || isGood ? nil : complaint, wasKilled: wasKilled)
  }

  /// Waits for the end of a process that ended before it was ready. That its first connection failed, as it may while there
  /// are faults, is not held against it; anything else is.
  ///
  /// - Parameter limit: How long it may take until it is killed.
  func stillborn(within limit: Duration) async -> ClientHistory.End {
    let (ending, _) = await self.end(within: limit)
    let isForgiven = ending.change == .exited(ExitStatus.unreachable.code)
    return self.end(ending.at, complaint: isForgiven ? nil : self.complaint(ending.change))
  }

  /// Kills it, as a fault, and waits for its end. If it had come to its end by itself before, that is held against it.
  func kill() async -> ClientHistory.End {
    let at = ContinuousClock.now.sinceStart
    let hadEnded = self.known.state.withLock { state in
      state.wasKilled = true
      return state.hasEnded
    }
    self.process.kill()
    let ending = await self.ended.value
    self.closeInput()
    let isOurs = !hadEnded && ending.change.isKill
    return self.end(min(at, ending.at), complaint: isOurs ? nil : self.complaint(ending.change), wasKilled: isOurs)
  }

  /// Tells it to end, and kills it if it does not.
  private func end(within limit: Duration) async -> (Ending, isLate: Bool) {
    self.tell(VerifyOrder.stop)
    self.process.resume()
    let timer = Task {
      guard (try? await Task.sleep(for: limit)) != nil else { return false }
      self.process.kill()
      return true
    }
    let ending = await self.ended.value
    timer.cancel()
    let isLate = await timer.value
    self.closeInput()
    return (ending, isLate)
  }

  private func end(_ at: UInt64, complaint: String?, wasKilled: Bool = false) -> ClientHistory.End {
    ClientHistory.End(client: self.client, life: self.life, at: at, complaint: complaint, wasKilled: wasKilled)
  }

  func pause() { self.process.pause() }

  func resume() { self.process.resume() }

  private func complaint(_ change: ChildProcess.Change) -> String {
    let said = (try? FileText.read(self.errors))?.suffix(400) ?? ""
    return "ended by itself (\(change)) \(said.split(separator: "\n").joined(separator: " | "))"
  }

  private func tell(_ line: String) {
    self.known.state.withLock { state in
      if !state.isInputClosed { _ = Descriptors.write(line + "\n", to: self.input) }
    }
  }

  private func closeInput() {
    self.known.state.withLock { state in
      guard !state.isInputClosed else { return }
      state.isInputClosed = true
      Descriptors.close(self.input)
    }
  }
}
