internal import Latchkey
internal import LatchkeyProcesses

/// The part of a contention that runs in several processes: copies of this command, started together.
struct ContendProcesses: Sendable {
  let plan: ContendPlan
  /// Called when all processes have mapped the board.
  let allHaveMapped: @Sendable () -> Void

  private struct Child: Sendable {
    let process: ChildProcess
    let input: Int32
    let output: Int32

    func tell(_ line: String) { Descriptors.write(line + "\n", to: self.input) }
  }

  /// Runs all processes to their end, or until the task is cancelled.
  ///
  /// A process that dies is an error in the tally, never a hang: its pipe then ends.
  func run() async throws -> Tally {
    var children: [Child] = []
    do {
      for _ in 0..<self.plan.processes { children.append(try self.start()) }
    } catch {
      for child in children {
        child.process.kill()
        _ = await child.process.wait()
      }
      throw error
    }
    let gate = Gate(children.count)
    let started = children
    return try await withTaskCancellationHandler {
      try await withThrowingTaskGroup(of: Tally.self) { group in
        for (place, child) in started.enumerated() {
          // Not a child task, so not cancelled: an interrupted process is asked to stop, and its result awaited.
          let conversation = Task { try await self.run(child, place: place, gate: gate) }
          group.addTask { try await conversation.value }
        }
        // All are waited for, whatever becomes of one of them: no process is left behind.
        var total = Tally()
        var failure: (any Error)?
        while let result = await group.nextResult() {
          switch result {
          case .success(let tally): total.add(tally)
          case .failure(let error): failure = failure ?? error
          }
        }
        if let failure { throw failure }
        return total
      }
    } onCancel: {
      for child in started { child.tell(ContendMessage.stop) }
    }
  }

  private func start() throws -> Child {
    let command = [Executable.path, ContendChildCommand.name]
    let (process, input, output) = try ChildProcess.piped(command, settings: ["LATCHKEY_PASSWORD": nil])
    return Child(process: process, input: input, output: output)
  }

  private func run(_ child: Child, place: Int, gate: Gate) async throws -> Tally {
    var plan = self.plan
    plan.process = place
    child.tell(try JSON.encode(plan))
    var answers = Descriptors.lines(of: child.output).makeAsyncIterator()

    let first = Self.answer(await answers.next())
    let isReady = if case .ready = first { true } else { false }
    let allReady = await gate.arrive(well: isReady)
    if allReady {
      self.allHaveMapped()
      child.tell(ContendMessage.go)
    }
    let last = isReady && allReady ? Self.answer(await answers.next()) : first
    Descriptors.close(child.input)
    let end = await child.process.wait()
    Descriptors.close(child.output)

    switch last {
    case .tally(let tally): return tally
    case .failed(let message, let code): throw CommandFailure(code: code, message)
    case .ready: return Tally()
    case nil:
      var tally = Tally()
      tally.note(error: "process \(child.process.pid) died (\(end)) before it had reported its result", code: 1)
      return tally
    }
  }

  private static func answer(_ line: String?) -> ContendMessage.Answer? {
    line.flatMap { try? JSON.decode(ContendMessage.Answer.self, from: $0) }
  }
}
