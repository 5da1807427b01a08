internal import Latchkey
internal import ZooKeeper

/// Reads the nodes of a semaphore: of those who have permits, and of those who stand in its queue.
struct PermitNodes: Sendable {
  let client: ZooKeeperClient

  /// - Returns: Who has permits, at place 0, then who waits; and the limit, as far as that is known.
  func read(
    in directory: String,
    now: Duration
  ) async throws(ZooKeeperError) -> (contenders: [LockContender], limit: Int?) {
    let path = SemaphorePath(in: directory, limit: nil)
    let leases = try await ContenderNodes(client: self.client) { _ in true }.read(in: path.leases)
    let waiting = try await ContenderNodes(client: self.client, rule: .mutex).read(in: path.queue)
    guard !leases.isEmpty || !waiting.isEmpty else { return ([], nil) }
    let told = leases.map { ContenderDescription.limit(in: String(decoding: $0.data.prefix(512), as: UTF8.self)) }
    let limit = try await self.sharedLimit(in: directory) ?? told.compactMap { $0 }.first
    var contenders: [LockContender] = []
    // The head of the queue has nodes among the permits before it is granted them: it is shown where it waits.
    for (lease, toldLimit) in zip(leases, told).prefix(limit.map { max(0, $0) } ?? .max) {
      var contender = lease.contender(place: 0, now: now)
      contender.identity = "leases/\(lease.name)"
      if !SemaphoreMachine.isPermit(lease.name) {
        contender.caveat = "no permit's node, but counted as one"
      } else if let toldLimit, toldLimit != limit {
        contender.caveat = "was told a limit of \(toldLimit)"
      }
      contenders.append(contender)
    }
    for (index, node) in waiting.enumerated() {
      var contender = node.contender(place: index + 1, now: now)
      contender.identity = "locks/\(node.name)"
      contenders.append(contender)
    }
    for index in contenders.indices {
      contenders[index].access = .permits
      // No number fences what several hold at once.
      contenders[index].token = nil
    }
    return (contenders, limit)
  }

  /// The limit in the semaphore's own node; nil if it has none.
  private func sharedLimit(in directory: String) async throws(ZooKeeperError) -> Int? {
    guard let path = SemaphorePath(in: directory, limit: .shared(seed: 0)).limit else { return nil }
    do throws(ZooKeeperError) {
      return SharedLimit.decode(try await self.client.get(path).data)
    } catch {
      guard error.code == .noNode || error.code == .noAuth else { throw error }
      return nil
    }
  }
}
