internal import Latchkey
internal import LatchkeyPrimitives

/// One run of one check: its clients, its candidates, its observers, and what it is doing right now.
final class ElectionTrial: Sendable {
  private struct State {
    var clients: [ElectionClient] = []
    var candidates: [Candidate] = []
    var observers: [Observer] = []
    var step = ""
  }

  let subject: ElectionSubject
  /// The election that the check is about; no other run uses this name.
  let name: LockName
  private let state = Locked(State())

  init(subject: ElectionSubject) throws {
    self.subject = subject
    self.name = try LockName("election/\(String(UInt64.random(in: 0 ... .max), radix: 36))")
  }

  var currentStep: String { self.state.withLock { $0.step } }

  func step(_ step: String) { self.state.withLock { $0.step = step } }

  /// A fresh client, closed when the check has ended.
  func client() async throws -> ElectionClient {
    let client = try await self.subject.makeClient()
    self.state.withLock { $0.clients.append(client) }
    return client
  }

  /// The election of a fresh client.
  func election() async throws -> any LeaderElection { try await self.client().election(self.name) }

  func expect(_ condition: Bool, _ expected: String, seen: @autoclosure () -> String) throws {
    guard !condition else { return }
    throw Unmet(expected: expected, seen: seen())
  }

  /// Expects something to come true soon.
  func expectSoon(_ expected: String, seen: () -> String, _ condition: () async throws -> Bool) async throws {
    self.step("waiting for \(expected)")
    try self.expect(try await eventually(within: self.subject.slack, condition), expected, seen: seen())
  }

  /// Starts a candidate; when this returns, its campaign is in progress.
  func campaign(_ election: any LeaderElection, _ value: String, within timeout: Duration? = nil) -> Candidate {
    let candidate = Candidate(election, value, within: timeout)
    self.state.withLock { $0.candidates.append(candidate) }
    return candidate
  }

  /// Starts a candidate and waits until it leads.
  func lead(_ election: any LeaderElection, _ value: String) async throws -> Candidate {
    let candidate = self.campaign(election, value)
    self.step("waiting for \(value) to be elected")
    _ = try await candidate.elected()
    return candidate
  }

  /// Starts to observe an election.
  func observe(_ election: any LeaderElection) -> Observer {
    let observer = Observer(election)
    self.state.withLock { $0.observers.append(observer) }
    return observer
  }

  /// Expects that a fresh candidate is elected promptly, and resigns.
  func expectVacant(_ what: String) async throws {
    let candidate = self.campaign(try await self.election(), "probe", within: self.subject.slack)
    do {
      _ = try await candidate.elected()
    } catch {
      throw Unmet(expected: "nobody to lead \(what)", seen: "\(error)")
    }
    try await candidate.resign()
  }

  /// Expects that the backend holds nothing more for the election, soon.
  func expectNoLeftovers(_ what: String) async throws {
    guard let leftovers = self.subject.leftovers else { return }
    let isEmpty = try await eventually(within: self.subject.slack) { try await leftovers(self.name) == 0 }
    let seen = try await leftovers(self.name)
    try self.expect(isEmpty, "nothing left behind \(what)", seen: "\(seen) nodes or keys")
  }

  /// Ends candidates and observers that still run, then closes the clients.
  func cleanUp() async throws {
    let state = self.state.withLock { $0 }
    for candidate in state.candidates { candidate.giveUp() }
    for observer in state.observers { observer.stop() }
    for client in state.clients { try await client.close() }
  }
}

/// A candidate in a task of its own, which leads until it is told to resign.
final class Candidate: Sendable {
  private let election = OneShot<Result<HeldLeadership, LockError>>()
  private let gate = OneShot<Void>()
  private let resigned = OneShot<LockError?>()
  private let task: Task<Void, Never>

  init(_ election: any LeaderElection, _ value: String, within timeout: Duration?) {
    self.task = Task.immediate { [outcome = self.election, gate, resigned] in
      do throws(LockError) {
        let leadership = try await election.campaign(value: value, within: timeout)
        outcome.resolve(.success(leadership.view))
        await gate.value
        do throws(LockError) {
          try await leadership.resign()
          resigned.resolve(nil)
        } catch {
          resigned.resolve(error)
        }
      } catch {
        outcome.resolve(.failure(error))
        resigned.resolve(nil)
      }
    }
  }

  /// The view of the leadership, once elected.
  func elected() async throws(LockError) -> HeldLeadership { try await self.election.value.get() }

  var isWaiting: Bool { self.election.current == nil }

  /// The error that the campaign ended with; nil if it was elected.
  func error() async -> LockError? {
    if case .failure(let error) = await self.election.value { error } else { nil }
  }

  /// Resigns, once elected.
  func resign() async throws(LockError) {
    self.gate.resolve()
    if let error = await self.resigned.value { throw error }
  }

  func cancel() { self.task.cancel() }

  /// Stops waiting or leading, whatever it does.
  func giveUp() {
    self.task.cancel()
    self.gate.resolve()
  }
}

/// An observer in a task of its own.
final class Observer: Sendable {
  private let seen: SharedList<Leader?>
  private let task: Task<Void, Never>

  init(_ election: any LeaderElection) {
    let seen = SharedList<Leader?>()
    self.seen = seen
    self.task = Task {
      for await leader in election.leaders { seen.append(leader) }
    }
  }

  /// What it was told, first to last.
  var leaders: [Leader?] { self.seen.all }

  /// The value of the leader that it was told of last; nil if nobody leads, or it was told nothing yet.
  var value: String? { self.leaders.last.flatMap { $0?.value } }

  /// Whether it was told last that nobody leads.
  var seesNobody: Bool { self.leaders.last.map { $0 == nil } ?? false }

  func stop() { self.task.cancel() }
}

/// A list that several tasks share.
private final class SharedList<Element: Sendable>: Sendable {
  private let elements = Locked<[Element]>([])

  var all: [Element] { self.elements.withLock { $0 } }

  func append(_ element: Element) { self.elements.withLock { $0.append(element) } }
}
