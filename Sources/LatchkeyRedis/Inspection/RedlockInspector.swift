public import Latchkey

/// Looks at locks on a majority of independent Redis servers, and shows what each of them answers.
public struct RedlockInspector: LockInspector {
  private let servers: [(executor: any RedisExecutor, address: String)]
  private let prefix: String
  private let backend: LockBackend

  /// Looks at the locks of some servers.
  ///
  /// - Parameters:
  ///   - servers: One client for each server.
  ///   - prefix: What stands before a lock's name in its key, as in ``RedlockLocks/Configuration/prefix``.
  public init(servers: [any RedisExecutor], prefix: String = "") {
    self.servers = servers.enumerated().map { index, server in
      let name = (server as? RedisConnection).map { $0.configuration.address } ?? "server \(index + 1)"
      return (server, name)
    }
    self.prefix = prefix
    let instance = self.servers.map(\.address).sorted().joined(separator: ",")
    self.backend = LockBackend(kind: "redlock", instance: prefix.isEmpty ? instance : "\(instance) \(prefix)")
  }

  private var quorum: Int { self.servers.count / 2 + 1 }

  /// Who holds the lock's key on a majority, and what each server answers. What has keys but no majority holds nothing.
  ///
  /// - Parameter name: The lock.
  /// - Returns: What the servers show; the time left is how long the holder keeps its majority.
  /// - Throws: `LockError`: `unreachable` if fewer than a majority answer, `notAuthorized`, `cancelled`, `closed`.
  public func inspect(_ name: LockName) async throws(LockError) -> LockReport {
    let answers = await self.ask(name) { view throws(RedisError) in try await view.key()?.contender }
    try self.requireMajority(answers, name)
    var report = LockReport(name: name, backend: self.backend)
    report.votes = zip(self.servers, answers).map { server, answer in
      switch answer {
      case .success(let contender): LockReport.Vote(server: server.address, contender: contender)
      case .failure(let error): LockReport.Vote(server: server.address, failure: error.message)
      }
    }
    let candidates = Dictionary(grouping: report.votes.compactMap(\.contender), by: \.handle).values
    guard let votes = candidates.first(where: { $0.count >= self.quorum }), var holder = votes.first else {
      return report
    }
    let remaining = votes.map { $0.remaining ?? .seconds(Int64.max / 2) }.sorted(by: >)
    holder.remaining = votes.contains { $0.remaining == nil } ? nil : remaining[self.quorum - 1]
    report.holder = holder
    return report
  }

  /// Deletes the lock's key on every server where it still has the value that was shown.
  ///
  /// - Parameters:
  ///   - contender: Whom to remove, from a report.
  ///   - name: The lock.
  /// - Returns: Whether any server had it. True also if an answer was lost.
  /// - Throws: `LockError`: `unreachable` if fewer than a majority answer, for then it may hold a majority still;
  ///   `notAuthorized`, `cancelled`, `closed`.
  public func remove(_ contender: LockContender, from name: LockName) async throws(LockError) -> Bool {
    let answers = await self.ask(name) { view throws(RedisError) in try await view.delete(contender.handle) }
    try self.requireMajority(answers, name)
    return answers.contains { answer in
      switch answer {
      case .success(let wasThere): wasThere
      case .failure: false
      }
    }
  }

  /// Asks all servers at once; the answers are in their order.
  private func ask<Answer: Sendable>(
    _ name: LockName,
    _ question: @escaping @Sendable (LockKeyView) async throws(RedisError) -> Answer
  ) async -> [Result<Answer, RedisError>] {
    let keys = LockKeys(name, prefix: self.prefix)
    return await withTaskGroup(of: (Int, Result<Answer, RedisError>).self) { group in
      for (index, server) in self.servers.enumerated() {
        group.addTask {
          do throws(RedisError) {
            return (index, .success(try await question(LockKeyView(executor: server.executor, keys: keys))))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private func requireMajority<Answer>(_ answers: [Result<Answer, RedisError>], _ name: LockName) throws(LockError) {
    let failures = answers.compactMap { answer in
      if case .failure(let error) = answer { error } else { nil }
    }
    guard answers.count - failures.count < self.quorum, let failure = failures.first else { return }
    throw LockError(name, failure)
  }
}
