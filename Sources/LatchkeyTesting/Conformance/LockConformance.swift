/// The conformance suite: what every lock implementation is held to, as plain functions that any test framework can call.
public struct LockConformance: Sendable {
  /// One check: a sentence of behaviour that holds or does not.
  public struct Check: Sendable, Hashable, CustomStringConvertible {
    /// The sentence; no two checks share one.
    public let name: String
    /// Which promise of the protocol it belongs to, 1 to 11.
    public let promise: Int
    /// What it needs from a subject; it is not applicable to a subject that lacks any of it.
    public let needs: Set<LockSubject.Need>

    let body: @Sendable (Trial) async throws -> Void

    init(
      _ promise: Int,
      _ name: String,
      needs: Set<LockSubject.Need> = [],
      _ body: @escaping @Sendable (Trial) async throws -> Void
    ) {
      self.promise = promise
      self.name = name
      self.needs = needs
      self.body = body
    }

    /// The promise's number and the sentence.
    public var description: String { "\(self.promise): \(self.name)" }

    /// Checks are told apart by their sentences.
    public static func == (left: Check, right: Check) -> Bool { left.name == right.name }

    /// Hashes the sentence.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.name) }
  }

  /// How a check ended that found no fault.
  public enum Outcome: Sendable, Hashable {
    /// The subject keeps what the check asks.
    case passed
    /// The check did not run, because the subject lacks what it needs. This is no pass.
    case notApplicable(reason: String)
  }

  /// All checks of locks, by promise.
  public static let checks: [Check] =
    Self.exclusionChecks + Self.isHeldChecks + Self.lossChecks + Self.scopedLockChecks + Self.tokenChecks
    + Self.busyChecks + Self.cancellationChecks + Self.lostReplyChecks + Self.releaseChecks + Self.fairnessChecks
    + Self.timeoutChecks + Self.deadlockChecks

  /// The checks of what read-write locks have beyond locks, by promise.
  public static let readWriteChecks: [Check] =
    Self.readWriteExclusionChecks + Self.readWriteFaultChecks + Self.readWriteTokenChecks
    + Self.readWriteCancellationChecks + Self.readWriteFairnessChecks + Self.readWriteDeadlockChecks
    + Self.downgradeChecks + Self.upgradeChecks

  /// The checks of what semaphores have beyond locks, by promise.
  public static let semaphoreChecks: [Check] =
    Self.permitExclusionChecks + Self.permitFaultChecks + Self.permitBusyChecks + Self.permitCancellationChecks
    + Self.permitFairnessChecks + Self.permitLimitChecks

  private let subject: LockSubject

  /// Prepares the suite for an implementation.
  ///
  /// - Parameter subject: The implementation under test.
  public init(subject: LockSubject) {
    self.subject = subject
  }

  /// The checks for this kind of subject: those of locks, and for a read-write lock or a semaphore its own as well.
  public var checks: [Check] {
    switch self.subject.kind {
    case .lock: Self.checks
    case .readWriteLock: Self.checks + Self.readWriteChecks
    case .semaphore: Self.checks + Self.semaphoreChecks
    }
  }

  /// The checks that run on this subject.
  public var applicable: [Check] { self.checks.filter { $0.needs.isSubset(of: self.subject.needs) } }

  /// The checks that do not run on this subject, for want of a trait or a hook.
  public var notApplicable: [Check] { self.checks.filter { !$0.needs.isSubset(of: self.subject.needs) } }

  /// Runs one check, on fresh clients and a name of its own.
  ///
  /// - Parameter check: The check.
  /// - Returns: That the check passed, or why it does not apply.
  /// - Throws: ``ConformanceFailure`` with what was expected and what was seen.
  public func run(_ check: Check) async throws(ConformanceFailure) -> Outcome {
    let missing = check.needs.subtracting(self.subject.needs)
    guard missing.isEmpty else {
      return .notApplicable(
        reason: "\(self.subject.label) lacks \(missing.map(\.rawValue).sorted().joined(separator: ", "))"
      )
    }
    let trial: Trial
    do {
      trial = try Trial(subject: self.subject)
    } catch {
      throw ConformanceFailure(self.subject, check, error: error, step: "")
    }
    let failure = await firstFailure(within: self.subject.patience) {
      try await check.body(trial)
    } at: {
      trial.currentStep
    } cleanUp: {
      try await trial.cleanUp()
    }
    if let failure { throw ConformanceFailure(self.subject, check, error: failure.error, step: failure.step) }
    return .passed
  }
}

/// A promise that was not kept.
public struct ConformanceFailure: Error, Sendable, CustomStringConvertible {
  /// The implementation under test.
  public let subject: String
  /// The check that failed.
  public let check: LockConformance.Check
  /// What should have been.
  public let expected: String
  /// What was.
  public let seen: String
  /// What the check was doing.
  public let step: String

  init(_ subject: LockSubject, _ check: LockConformance.Check, error: any Error, step: String) {
    self.subject = subject.label
    self.check = check
    self.step = step
    if let unmet = error as? Unmet {
      self.expected = unmet.expected
      self.seen = unmet.seen
    } else {
      self.expected = "no error"
      self.seen = "\(error)"
    }
  }

  /// All of it, in one line.
  public var description: String {
    let step = self.step.isEmpty ? "" : " (\(self.step))"
    return
      "\(self.subject): \(self.check.name) [promise \(self.check.promise)]: expected \(self.expected), saw \(self.seen)\(step)"
  }
}

/// What a check throws when something is not as it should be.
struct Unmet: Error {
  let expected: String
  let seen: String
}
