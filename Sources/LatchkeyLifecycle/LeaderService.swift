public import Latchkey
internal import LatchkeyPrimitives
public import Logging
public import ServiceLifecycle

/// A service whose body runs only while this process leads.
///
/// It campaigns, runs the body as the leader, and resigns when the body has ended. At any time at most one body of a service runs:
/// after a loss the body is cancelled, and only when it has ended does the service stand again. A graceful shutdown is passed on to
/// the body; what runs on after ``Configuration/grace`` is cancelled, and the leadership is resigned as soon as the body has ended,
/// so that the next candidate need not wait for a timeout.
///
/// Two bodies of different processes may overlap only if the old one ignores its cancellation: pass the token of the leadership
/// along with every write.
///
/// ```swift
/// let scheduler = LeaderService(election: election, value: "node-7") { leadership in
///   try await schedule(fencedBy: leadership.token)
/// }
/// let group = ServiceGroup(services: [client, scheduler], logger: logger)
/// try await group.run()
/// ```
///
/// In a service group, put it behind the client of its election: a group shuts down in reverse order.
public final class LeaderService: Service {
  /// What follows when the body has returned while it led.
  public enum AfterReturn: Hashable, Sendable {
    /// The service resigns and stands again, behind the other candidates.
    case campaignAgain
    /// The service resigns, and `run()` returns.
    case finish
  }

  /// What follows when the body has thrown while it led.
  public enum AfterError: Hashable, Sendable {
    /// The service resigns, and `run()` throws the error.
    case rethrow
    /// The error is logged, and the service stands again after ``Configuration/pause``.
    case campaignAgain
  }

  /// What a service does when its body or its campaign ends, and how long it is patient.
  public struct Configuration: Sendable {
    /// What follows when the body has returned while it led.
    public var afterReturn = AfterReturn.campaignAgain

    /// What follows when the body has thrown while it led. Errors after a loss, of which the backend may tell only when the leadership
    /// is resigned, or after the task of `run()` was cancelled, are
    /// logged: they come of the cancellation.
    public var afterError = AfterError.rethrow

    /// How long the body may go on after a graceful shutdown, until it is cancelled. A body that goes on for so long after it was
    /// cancelled is reported as critical in the log, again and again.
    public var grace = Duration.seconds(10)

    /// How long to wait before the next campaign after one that failed for a reason that may pass, or after an error of the body.
    public var pause = Duration.seconds(1)

    /// Where the service logs.
    public var logger = Logger(label: "latchkey.leader")

    /// The defaults.
    public init() {}
  }

  /// What a service is at.
  public enum State: Hashable, Sendable {
    /// `run()` has not been called, or has ended.
    case stopped
    /// Another candidate leads, nobody does, or the backend cannot be reached.
    case waiting
    /// The body runs as the leader.
    case leading
    /// The body has been asked to end, or the leadership is being resigned.
    case steppingDown
  }

  /// The value that observers of the election see.
  public let value: String
  let election: any LeaderElection
  let configuration: Configuration
  let body: @Sendable (HeldLeadership) async throws -> Void
  private let published = StatePublisher()

  /// Describes a service; it does nothing until it runs.
  ///
  /// - Parameters:
  ///   - election: The election.
  ///   - value: What the candidate says of itself, for observers.
  ///   - configuration: What follows the end of the body, and how long the service is patient.
  ///   - body: What to do as the leader, once for each time that this process is elected.
  public init(
    election: any LeaderElection,
    value: String,
    configuration: Configuration = Configuration(),
    body: @escaping @Sendable (HeldLeadership) async throws -> Void
  ) {
    self.election = election
    self.value = value
    self.configuration = configuration
    self.body = body
  }

  /// What the service is at.
  public var state: State { self.published.state }

  /// What the service is at, from now on: the present state first, then each change. What changes faster than it is looked at may
  /// be left out.
  public var states: AsyncStream<State> { self.published.states }

  /// Campaigns and leads until the service group shuts down or the task is cancelled, or, if so configured, until the body ends.
  ///
  /// A backend that cannot be reached does not end it: it tries on, and says so in the log. Once at a time: the states of two calls
  /// that run at once are mixed.
  ///
  /// - Throws: The body's error; `LockError` if the backend refuses the campaign for good: `notAuthorized`, `closed`.
  public func run() async throws {
    let run = LeaderServiceRun(self, self.published)
    // In a task of its own: what has begun is ended in order, also if this one is cancelled.
    let task = Task { try await run.serve() }
    try await withTaskCancellationHandler {
      try await withGracefulShutdownHandler {
        try await task.value
      } onGracefulShutdown: {
        run.send(.shutdown)
      }
    } onCancel: {
      run.send(.cancelled)
    }
  }
}

/// The state of a service, and who wants to hear of its changes.
final class StatePublisher: Sendable {
  private let published = Locked(
    (state: LeaderService.State.stopped, observers: HandlerTable<AsyncStream<LeaderService.State>.Continuation>())
  )

  var state: LeaderService.State { self.published.withLock { $0.state } }

  var states: AsyncStream<LeaderService.State> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let observer = self.published.withLock { published in
        continuation.yield(published.state)
        return published.observers.add(continuation)
      }
      continuation.onTermination = { [weak self] _ in
        guard let self else { return }
        self.published.withLock { published in _ = published.observers.remove(observer) }
      }
    }
  }

  func publish(_ state: LeaderService.State) {
    self.published.withLock { published in
      guard published.state != state else { return }
      published.state = state
      for observer in published.observers.all { observer.yield(state) }
    }
  }
}
