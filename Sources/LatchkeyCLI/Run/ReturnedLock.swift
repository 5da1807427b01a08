internal import Latchkey

/// A lock that was given back, looked at once more: after the end of `latchkey run` there is no background in which a release
/// that failed could be finished.
struct ReturnedLock: Sendable {
  /// How long the servers may take to show the lock.
  private static let patience = Duration.seconds(1)

  let name: LockName
  let token: FencingToken?
  /// How long the servers keep the lock for a holder that says nothing more, when it is given back; nil if nobody knows.
  let remaining: Duration?
  /// When it began to be given back.
  let start: ContinuousClock.Instant

  init(name: LockName, token: FencingToken?, remaining: Duration?, start: ContinuousClock.Instant = .now) {
    self.name = name
    self.token = token
    self.remaining = remaining
    self.start = start
  }

  /// What keeps the lock from others after its release; nil if nothing does, as far as can be seen.
  func trouble(_ servers: BackendSession) async -> String? {
    guard let inspector = servers.inspector else { return nil }
    let name = self.name
    let look = Task { () async -> Result<LockReport, LockError> in
      do throws(LockError) { return .success(try await inspector.inspect(name)) } catch { return .failure(error) }
    }
    let timer = Task {
      if (try? await Task.sleep(for: Self.patience)) != nil { look.cancel() }
    }
    defer { timer.cancel() }
    return self.judge(await look.value)
  }

  /// What an answer says about the release.
  func judge(_ answer: Result<LockReport, LockError>) -> String? {
    switch answer {
    case .success(let report):
      guard let holder = report.holder, self.isOurs(holder) else { return nil }
      return "the lock \"\(self.name)\" could not be given back; \(self.wait(holder.remaining ?? self.remaining))"
    case .failure(let error) where error.code == .unreachable || error.code == .cancelled:
      let reason = error.code == .cancelled ? "the servers do not answer" : error.message
      let left = self.remaining.map { max(.zero, $0 - self.start.duration(to: .now)) }
      return "the lock \"\(self.name)\" could perhaps not be given back (\(reason)); \(self.wait(left))"
    // Who may not look learns nothing.
    case .failure: return nil
    }
  }

  private func wait(_ time: Duration?) -> String {
    time.map { "others wait for it up to \(LockTable.time($0))" } ?? "others wait for it until its session ends"
  }

  private func isOurs(_ holder: LockContender) -> Bool {
    if let token = self.token, let other = holder.token { return token == other }
    return holder.pid == ThisProcess.id && holder.host == ThisProcess.host
  }
}
