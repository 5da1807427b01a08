public import LatchkeyPrimitives

/// The contentions of one set of locks, by name, and what a caller does to get a lock.
///
/// Inlinable, as all of the engine that an acquire passes through: a backend's module compiles it for its own machine. Left generic it
/// takes a fifth of the time of a lock at Redis.
@usableFromInline
package final class ContentionTable<Backend: ContentionBackend>: Sendable {
  @usableFromInline
  struct State {
    /// By name, which is compared byte by byte: strings that Swift takes for equal can be different locks.
    @usableFromInline
    var contentions = SweptTable<LockName, Contention<Backend>>(minimumSize: 256)
    @usableFromInline
    var shared: Backend.Shared

    @inlinable
    init(shared: Backend.Shared) { self.shared = shared }
  }

  @usableFromInline
  let state: Locked<State>

  /// - Parameter shared: What is common to all locks.
  @inlinable
  package init(shared: Backend.Shared) {
    self.state = Locked(State(shared: shared))
  }

  /// The contention for a lock at present.
  @inlinable
  @inline(never)
  package func contention(for name: LockName, of source: Backend.Source) -> Contention<Backend> {
    self.state.withLock { state in
      let shared = state.shared
      return state.contentions.value(for: name) { Backend.contention(for: name, of: source, shared) }
    }
  }

  /// Changes what is common to all locks.
  ///
  /// - Returns: The contentions that were made before the change.
  @discardableResult
  @inlinable
  package func update(_ body: (inout Backend.Shared) -> Void) -> [Contention<Backend>] {
    self.state.withLock { state in
      body(&state.shared)
      return state.contentions.values
    }
  }

  @inlinable
  package var all: [Contention<Backend>] { self.state.withLock { $0.contentions.values } }
}

/// What is known of a lock that is busy, or the lease that a try got.
@usableFromInline
enum TryOutcome<Lease> {
  case leased(Lease)
  case busy(LockError.Wait)
}

extension ContentionTable {
  /// Takes the lock if nobody has it.
  @inlinable
  package func tryAcquire(
    _ name: LockName,
    of source: Backend.Source,
    for want: Want = .exclusive
  ) async throws(LockError) -> Backend.ClaimLease? {
    let contention = self.contention(for: name, of: source)
    try contention.shell.checkName()
    if Task.isCancelled { throw .cancelled(name) }
    if case .leased(let lease) = try await self.tryOnce(contention, source, want) { return lease }
    return nil
  }

  /// Waits for the lock.
  ///
  /// - Parameters:
  ///   - timeout: The budget of the whole call; nil waits for ever, zero tries once.
  ///   - want: Whether the lock may be shared.
  @inlinable
  package func acquire(
    _ name: LockName,
    of source: Backend.Source,
    within timeout: Duration?,
    for want: Want = .exclusive
  ) async throws(LockError) -> Backend.ClaimLease {
    let contention = self.contention(for: name, of: source)
    let shell = contention.shell
    try shell.checkName()
    if Task.isCancelled { throw .cancelled(name) }
    let start = ContinuousClock.now
    if let timeout, timeout <= .zero {
      switch try await self.tryOnce(contention, source, want) {
      case .leased(let lease): return lease
      case .busy(let wait): throw .late(name, wait, since: start)
      }
    }
    let asked = try await shell.awaitConnection(from: start, within: timeout, isTry: false)
    let firstAnswer = shell.firstAnswerTimeout.map { asked.advanced(by: $0) }
    let deadline = timeout.map { start.advanced(by: $0) }
    let answer = await self.wait(for: contention, source, want, from: start, until: deadline, firstAnswer: firstAnswer)
    return try await self.wanted(self.lease(in: answer, contention, since: start))
  }

  /// The lease that a wait was granted.
  @inlinable
  @inline(never)
  func lease(
    in answer: Contention<Backend>.Answer,
    _ contention: Contention<Backend>,
    since start: ContinuousClock.Instant
  ) throws(LockError) -> Backend.ClaimLease {
    let name = contention.shell.name
    switch answer {
    case .granted(let lease): return lease
    case .busy(let wait): throw .late(name, wait, since: start)
    case .timedOut(let wait, let silence):
      let waited = ContinuousClock.now - start
      throw contention.shell.unreachable(silence, waited: waited)?.after(waited) ?? .late(name, wait, since: start)
    case .cancelled: throw .cancelled(name)
    case .failed(let error): throw error.after(.now - start)
    }
  }

  @inlinable
  func tryOnce(
    _ contention: Contention<Backend>,
    _ source: Backend.Source,
    _ want: Want
  ) async throws(LockError) -> TryOutcome<Backend.ClaimLease> {
    let shell = contention.shell
    let start = ContinuousClock.now
    let deadline = shell.tryTimeout.map { start.advanced(by: $0) }
    _ = try await shell.awaitConnection(from: start, within: shell.tryTimeout, isTry: true)
    if let wait = try await shell.askFirst(contention, for: want, until: deadline) { return .busy(wait) }
    switch await self.wait(for: contention, source, want, from: start, until: deadline, isTry: true) {
    case .granted(let lease): return .leased(try await self.wanted(lease))
    case .busy(let wait): return .busy(wait)
    case .timedOut(let wait, let silence):
      let waited = ContinuousClock.now - start
      guard let error = shell.unreachable(silence, waited: waited) else { return .busy(wait) }
      throw error.after(waited)
    case .cancelled: throw .cancelled(shell.name)
    case .failed(let error): throw error.after(.now - start)
    }
  }

  /// A grant may cross a cancellation: then no caller would release it.
  @inlinable
  func wanted(_ lease: Backend.ClaimLease) async throws(LockError) -> Backend.ClaimLease {
    guard Task.isCancelled else { return lease }
    do throws(LockError) {
      try await lease.release(lease.grant)
    } catch {
      // Already lost; nothing left to release.
    }
    throw .cancelled(lease.name)
  }

  /// Stands in line until granted, turned away, timed out or cancelled.
  @inlinable
  func wait(
    for contention: Contention<Backend>,
    _ source: Backend.Source,
    _ want: Want,
    from start: ContinuousClock.Instant,
    until deadline: ContinuousClock.Instant?,
    firstAnswer: ContinuousClock.Instant? = nil,
    isTry: Bool = false
  ) async -> Contention<Backend>.Answer {
    var (contention, firstAnswer) = (contention, firstAnswer)
    // Time runs out before.
    if let deadline, let first = firstAnswer, deadline <= first { firstAnswer = nil }
    while true {
      switch contention.join(
        for: want,
        isTry: isTry,
        hasDeadline: deadline != nil,
        firstAnswer: firstAnswer,
        keepAlive: source
      ) {
      case .retired: contention = self.contention(for: contention.name, of: source)
      case .refused(let error): return .failed(error)
      case .joined(let id):
        let contention = contention
        contention.shell.joined(contention)
        let timer = deadline.map { deadline in
          contention.shell.setTimer(at: deadline) { contention.timeOut(id, waited: .now - start) }
        }
        let answer = await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in contention.suspend(id, continuation) }
        } onCancel: {
          contention.cancel(id)
        }
        if let timer { contention.shell.cancel(timer) }
        return answer
      }
    }
  }
}

extension LockError {
  @usableFromInline
  static func late(
    _ name: LockName,
    _ wait: LockError.Wait,
    since start: ContinuousClock.Instant
  ) -> LockError {
    var wait = wait
    wait.waited = .now - start
    return .timedOut(name, wait)
  }

  /// The same error, with the time that the call took if servers were out of reach.
  @usableFromInline
  func after(_ waited: Duration) -> LockError {
    guard self.code == .unreachable else { return self }
    var error = self
    var wait = error.wait ?? Wait()
    wait.waited = waited
    error.wait = wait
    return error
  }
}
