public import Latchkey
public import ZooKeeper

/// Looks at locks in ZooKeeper: ours, and those of Curator, kazoo and go-zookeeper, whose nodes are laid out alike.
///
/// A look costs a `sync`, a list, and a read for each contender. It needs no permission to write; of a node that this client may
/// not read, it shows what everybody may see.
public struct ZooKeeperLockInspector: LockInspector {
  private let client: ZooKeeperClient
  private let root: String

  /// Looks at the locks of a client's servers.
  ///
  /// - Parameters:
  ///   - client: The client; it must be running.
  ///   - root: The directory above all locks, as in ``ZooKeeperLocks/Configuration/root``.
  public init(client: ZooKeeperClient, root: String = "/") {
    self.client = client
    self.root = root
  }

  /// The lock's contenders in the order in which they will have the lock: that of their nodes' numbers.
  ///
  /// Readers and writers of a read-write lock are told apart. A contender for a plain lock among them has a caveat. A node that has
  /// taken another's place, as when a writer goes on reading, is shown without a token: it has that of the node before.
  ///
  /// Where nobody contends for a lock of that name, those who have permits of the semaphore of that name are shown, each as often as it
  /// has permits, and those who wait for some. The limit is that of the semaphore's own node, or the one that our clients say they were
  /// told; who was told another one has a caveat. Of a limit at a path of its own nothing is known.
  ///
  /// - Parameter name: The lock.
  /// - Returns: What the servers show; ages are the difference between the servers' clocks and this machine's.
  /// - Throws: `LockError`: `unreachable`, `notAuthorized`, `cancelled`, `closed`, `backendFailure`.
  public func inspect(_ name: LockName) async throws(LockError) -> LockReport {
    let directory = LockPath.directory(of: name, under: self.root)
    let backend = LockBackend(
      kind: "zookeeper",
      instance: self.client.connectString + (self.root == "/" ? "" : self.root)
    )
    do throws(ZooKeeperError) {
      let nodes = try await ContenderNodes(client: self.client, rule: .writing).read(in: directory)
      guard nodes.isEmpty else {
        return LockReport(name: name, backend: backend, contenders: Self.contenders(nodes, now: WallClock.now))
      }
      let permits = try await PermitNodes(client: self.client).read(in: directory, now: WallClock.now)
      var report = LockReport(name: name, backend: backend, contenders: permits.contenders)
      report.limit = permits.limit
      return report
    } catch {
      throw LockError(name, error)
    }
  }

  /// Deletes a contender's node.
  ///
  /// ZooKeeper cannot delete a node under the condition that it is the one that was seen, so this looks once more before: only
  /// where a directory is deleted, made again, and its numbers begin anew within that round trip, can another node be hit, and
  /// only if its name has no unique part, as ours and those of Curator and kazoo have.
  ///
  /// - Parameters:
  ///   - contender: Whom to remove, from a report.
  ///   - name: The lock.
  /// - Returns: Whether it was there. True also if the answer was lost and it is gone now.
  /// - Throws: `LockError`: `unreachable`, `notAuthorized` if this client may not delete it, `cancelled`, `closed`.
  public func remove(_ contender: LockContender, from name: LockName) async throws(LockError) -> Bool {
    let path = LockPath.directory(of: name, under: self.root) + "/" + contender.identity
    var isDoubtful = false
    for attempt in 1... {
      var wasSent = false
      do throws(ZooKeeperError) {
        guard let stat = try await self.client.exists(path), Array("\(stat.createdBy)".utf8) == contender.handle else {
          return isDoubtful
        }
        wasSent = true
        try await self.client.delete(path, version: stat.version)
        return true
      } catch {
        switch error.code {
        case .noNode: return isDoubtful
        // Its data has changed between look and delete: look again.
        case .badVersion where attempt < 5: continue
        case let code where code.isInDoubt && attempt < 5: isDoubtful = isDoubtful || wasSent
        default: throw LockError(name, error)
        }
      }
    }
    return false
  }

  /// The contenders with all that is known of them.
  private static func contenders(_ nodes: [ContenderNodes.Node], now: Duration) -> [LockContender] {
    let isReadWrite = nodes.contains { node in node.marker.map { GrantRule.mutex.foreign.contains($0) } ?? false }
    let shared =
      isReadWrite ? nodes.prefix { node in node.marker.map { GrantRule.reading.isPassed($0) } ?? false }.count : 0
    var oldestBehind = Int64.max
    var contenders: [LockContender] = []
    for (index, node) in nodes.enumerated().reversed() {
      var contender = node.contender(place: max(0, index - max(1, shared) + 1), now: now)
      // A node that is younger than one behind it has taken the place of an older one.
      if node.stat.createdBy > oldestBehind { contender.token = nil }
      oldestBehind = min(oldestBehind, node.stat.createdBy)
      if isReadWrite, let marker = node.marker {
        contender.access = GrantRule.reading.isPassed(marker) ? .reading : .writing
        if GrantRule.writing.foreign.contains(marker) {
          contender.caveat = "a contender for a plain lock among readers and writers, who do not exclude it reliably"
        }
      }
      contenders.append(contender)
    }
    return contenders.reversed()
  }
}
