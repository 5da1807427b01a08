/// The conformance suite of elections: what every implementation of `LeaderElection` is held to, as plain functions that any test
/// framework can call.
public struct ElectionConformance: Sendable {
  /// What a check may need from its subject.
  public enum Need: String, Sendable, Hashable, CaseIterable {
    /// The hook ``LockFaults/expireSession``.
    case expireSession = "a way to expire a session"
    /// The hooks ``LockFaults/cutOff`` and ``LockFaults/heal``.
    case cutOff = "a way to cut a client off and to heal it"
    /// The hook ``LockFaults/leftovers``.
    case leftovers = "a count of what the backend holds"
  }

  /// One check: a sentence of behaviour that holds or does not.
  public struct Check: Sendable, Hashable, CustomStringConvertible {
    /// The sentence; no two checks share one.
    public let description: String
    /// What it needs from a subject; it is not applicable to a subject that lacks any of it.
    public let needs: Set<Need>

    let body: @Sendable (ElectionTrial) async throws -> Void

    init(
      _ description: String,
      needs: Set<Need> = [],
      _ body: @escaping @Sendable (ElectionTrial) async throws -> Void
    ) {
      self.description = description
      self.needs = needs
      self.body = body
    }

    /// Checks are told apart by their sentences.
    public static func == (left: Check, right: Check) -> Bool { left.description == right.description }

    /// Hashes the sentence.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.description) }
  }

  /// A promise that was not kept.
  public struct Failure: Error, Sendable, CustomStringConvertible {
    /// The implementation, the check, what was expected, what was seen and what the check was doing, in one line.
    public let description: String
  }

  /// All checks.
  public static let checks: [Check] = Self.leadershipChecks + Self.lossChecks + Self.observerChecks

  private let subject: ElectionSubject

  /// Prepares the suite for an implementation.
  ///
  /// - Parameter subject: The implementation under test.
  public init(subject: ElectionSubject) {
    self.subject = subject
  }

  /// The checks that run on this subject.
  public var applicable: [Check] { Self.checks.filter { $0.needs.isSubset(of: self.subject.needs) } }

  /// Runs one check, on fresh clients and a name of its own.
  ///
  /// - Parameter check: The check, one of ``applicable``.
  /// - Throws: ``Failure`` with what was expected and what was seen.
  public func run(_ check: Check) async throws(Failure) {
    let trial: ElectionTrial
    do {
      trial = try ElectionTrial(subject: self.subject)
    } catch {
      throw self.failure(check, error, "")
    }
    let failure = await firstFailure(within: self.subject.patience) {
      try await check.body(trial)
    } at: {
      trial.currentStep
    } cleanUp: {
      try await trial.cleanUp()
    }
    if let failure { throw self.failure(check, failure.error, failure.step) }
  }

  private func failure(_ check: Check, _ error: any Error, _ step: String) -> Failure {
    let unmet = error as? Unmet ?? Unmet(expected: "no error", seen: "\(error)")
    let place = step.isEmpty ? "" : " (\(step))"
    return Failure(
      description: "\(self.subject.label): \(check): expected \(unmet.expected), saw \(unmet.seen)\(place)"
    )
  }
}
