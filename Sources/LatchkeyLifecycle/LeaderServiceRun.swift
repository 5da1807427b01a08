internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

/// One call of a service's `run()`: does what its machine says.
final class LeaderServiceRun: Sendable {
  typealias Machine = LeaderServiceMachine

  /// What has happened, with the error that it came with.
  private struct Signal: Sendable {
    let event: Machine.Event
    var error: (any Error)?
  }

  /// One campaign, and the leadership that may come of it, which its task owns.
  private struct Term {
    let view: OneShot<HeldLeadership>
    let resignation: OneShot<Void>
    let task: Task<Void, Never>
    var body: Task<Void, Never>?
    /// The grace of its body, or the pause after it.
    var timer: Task<Void, Never>?
  }

  private let service: LeaderService
  private let publisher: StatePublisher
  private let signals: AsyncStream<Signal>
  private let feed: AsyncStream<Signal>.Continuation

  init(_ service: LeaderService, _ publisher: StatePublisher) {
    self.service = service
    self.publisher = publisher
    (self.signals, self.feed) = AsyncStream.makeStream(of: Signal.self)
  }

  private var configuration: LeaderService.Configuration { self.service.configuration }

  private var metadata: Logger.Metadata { .lock(self.service.election.name, self.service.election.backend) }

  func send(_ event: Machine.Event, _ error: (any Error)? = nil) {
    self.feed.yield(Signal(event: event, error: error))
  }

  /// Runs the machine until it has finished; its task is never cancelled.
  func serve() async throws {
    var rules = Machine.Rules()
    rules.afterReturn = self.configuration.afterReturn
    rules.afterError = self.configuration.afterError
    var machine = Machine(rules: rules)
    var terms: [Int: Term] = [:]
    var error: (any Error)?
    self.send(.begin)
    for await signal in self.signals {
      error = signal.error ?? error
      self.log(signal)
      let actions = machine.handle(signal.event)
      self.publisher.publish(machine.state)
      for action in actions {
        guard case .finish(let outcome) = action else {
          self.perform(action, &terms)
          continue
        }
        terms.values.forEach { $0.timer?.cancel() }
        if outcome == .returned { return }
        throw error ?? CancellationError()
      }
    }
  }

  private func perform(_ action: Machine.Action, _ terms: inout [Int: Term]) {
    switch action {
    case .campaign(let number):
      // Only the current term is of interest: the machine is done with those before.
      terms = [number: self.campaign(number)]
    case .withdraw(let number):
      terms[number]?.task.cancel()
    case .startBody(let number):
      guard let view = terms[number]?.view.current else { return }
      terms[number]?.body = self.lead(number, view)
    case .cancelBody(let number):
      terms[number]?.body?.cancel()
    case .resign(let number):
      terms[number]?.timer?.cancel()
      terms[number]?.resignation.resolve()
    case .startGrace(let number):
      terms[number]?.timer?.cancel()
      terms[number]?.timer = self.after(self.configuration.grace, .graceOver(number))
    case .pause(let number):
      terms[number]?.timer = self.after(self.configuration.pause, .pauseOver(number))
    case .warn:
      self.configuration.logger.critical(
        "the body of a leader service goes on although it was cancelled; another process may lead by now",
        metadata: self.metadata
      )
    case .finish:
      break
    }
  }

  /// Stands as a candidate; the task owns the leadership until it is resigned.
  private func campaign(_ number: Int) -> Term {
    let view = OneShot<HeldLeadership>()
    let resignation = OneShot<Void>()
    let task = Task {
      do throws(LockError) {
        let leadership = try await self.service.election.campaign(value: self.service.value)
        view.resolve(leadership.view)
        _ = leadership.held.onEnding { ending in
          if case .lost = ending { self.send(.lost(number)) }
        }
        self.send(.elected(number))
        await resignation.value
        let loss = await leadership.resignTellingLoss()
        self.send(.resigned(number, isLost: loss != nil), loss)
      } catch {
        self.send(.campaignFailed(number, isPassing: error.mayPass), error)
      }
    }
    return Term(view: view, resignation: resignation, task: task)
  }

  private func lead(_ number: Int, _ view: HeldLeadership) -> Task<Void, Never> {
    Task {
      do {
        try await view.held.runInPlace { _ in try await self.service.body(view) }
        self.send(.bodyEnded(number, isFailure: false))
      } catch {
        self.send(.bodyEnded(number, isFailure: true), error)
      }
    }
  }

  private func after(_ delay: Duration, _ event: Machine.Event) -> Task<Void, Never> {
    Task { if (try? await Task.sleep(for: delay)) != nil { self.send(event) } }
  }

  private func log(_ signal: Signal) {
    let logger = self.configuration.logger
    switch signal.event {
    case .elected:
      logger.info("elected as the leader", metadata: self.metadata)
    case .campaignFailed:
      guard let error = signal.error as? LockError, error.code != .cancelled else { return }
      logger.warning("a campaign has failed", metadata: self.metadata.and(["error": "\(error)"]))
    case .bodyEnded(_, isFailure: true):
      guard let error = signal.error, !(error is CancellationError) else { return }
      logger.warning("the body of a leader service has failed", metadata: self.metadata.and(["error": "\(error)"]))
    case .resigned(_, isLost: true):
      logger.warning("the leadership had been lost before it was resigned", metadata: self.metadata)
    case .begin, .lost, .bodyEnded, .resigned, .shutdown, .cancelled, .graceOver, .pauseOver:
      return
    }
  }
}

extension LeaderServiceMachine {
  /// What the service is at, for its observers.
  var state: LeaderService.State {
    switch self.phase {
    case .idle, .ended: .stopped
    case .campaigning, .pausing: .waiting
    case .leading: .leading
    case .steppingDown, .resigning: .steppingDown
    }
  }
}
