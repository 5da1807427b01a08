import LatchkeyTestSupport
import Testing

@testable import ZooKeeper

@Suite("What the paths of one session add up to")
struct PathBudgetTests {
  private func budget(watches: Int = 100, ephemerals: Int = 100, chroot: Int = 0) -> PathBudget {
    var limits = PathBudget.Limits()
    (limits.ownNodeWatches, limits.watches, limits.ephemerals) = (watches / 2, watches, ephemerals)
    return PathBudget(limits: limits, chrootLength: chroot)
  }

  private func path(_ text: String) -> PathBudget.Path { Array(text.utf8) }

  /// Sets a watch whose path costs ten bytes.
  private func arm(_ budget: inout PathBudget, _ number: Int, _ tables: PathBudget.Tables = .children) -> Bool {
    let path = self.path("/node\(number)")
    guard let reserved = budget.reserveWatch(path) else { return false }
    budget.settleWatch(path, reserved: reserved, tables: tables)
    return true
  }

  @Test("watches are counted while they are being set, while they stand, and until an event uses them up")
  func watches() {
    var budget = self.budget()
    let path = self.path("/node1")
    expectEqual(budget.reserveWatch(path), 10)
    #expect(budget.watchBytes == 10)
    budget.settleWatch(path, reserved: 10, tables: .children)
    #expect(budget.watchBytes == 10)
    budget.fired(.dataChanged, path: path)
    #expect(budget.watchBytes == 10)
    budget.fired(.deleted, path: path)
    #expect(budget.watchBytes == 0)
    expectEqual(budget.reserveWatch(path), 10)
    budget.settleWatch(path, reserved: 10, tables: [])
    #expect(budget.watchBytes == 0)
  }

  @Test("a second watch of the same table on a path costs nothing, one of another table does")
  func sameTable() {
    var budget = self.budget()
    for tables: PathBudget.Tables in [.children, .children, .data] { _ = self.arm(&budget, 1, tables) }
    #expect(budget.watchBytes == 20)
    budget.fired(.childrenChanged, path: self.path("/node1"))
    #expect(budget.watchBytes == 10)
    budget.fired(.created, path: self.path("/node1"))
    #expect(budget.watchBytes == 0)
  }

  @Test("holders stop at the first limit, everybody at the second, and who has a watch may set it again")
  func limits() {
    var budget = self.budget()
    for number in 0...4 { expectEqual(self.arm(&budget, number), true) }
    #expect(!budget.hasRoomForOwnNodeWatch(self.path("/node5")))
    #expect(budget.hasRoomForOwnNodeWatch(self.path("/node4")))
    for number in 5...9 { expectEqual(self.arm(&budget, number), true) }
    #expect(budget.watchBytes == 100)
    expectEqual(budget.reserveWatch(self.path("/nodeX")), nil)
    // Set again, as after a reconnect, it counts once, also meanwhile.
    expectEqual(budget.reserveWatch(self.path("/node9")), 0)
    #expect(budget.watchBytes == 100)
    budget.settleWatch(self.path("/node9"), reserved: 0, tables: .children)
    #expect(budget.watchBytes == 100)
    budget.fired(.deleted, path: self.path("/node3"))
    expectEqual(self.arm(&budget, 3), true)
  }

  @Test("a watch that was used up and must be set again is not refused")
  func renewal() {
    var budget = self.budget(watches: 10)
    expectEqual(self.arm(&budget, 1), true)
    let path = self.path("/node2")
    expectEqual(budget.reserveWatch(path), nil)
    expectEqual(budget.reserveWatch(path, isRenewal: true), 10)
    budget.settleWatch(path, reserved: 10, tables: .children)
    #expect(budget.watchBytes == 20)
  }

  @Test("ephemeral nodes are counted from the request to their end, however that is learnt")
  func ephemerals() {
    var budget = self.budget(ephemerals: 40)
    let prefix = self.path("/a-")
    expectEqual(budget.reserveEphemeral(prefix, isSequential: true), true)
    #expect(budget.ephemeralBytes == 17)
    let node = self.path("/a-0000000001")
    budget.settleEphemeral(prefix, isSequential: true, created: node)
    #expect(budget.ephemeralBytes == 17)
    expectEqual(budget.reserveEphemeral(prefix, isSequential: true), true)
    expectEqual(budget.reserveEphemeral(prefix, isSequential: true), false)
    budget.settleEphemeral(prefix, isSequential: true, created: nil)
    #expect(budget.ephemeralBytes == 17)
    budget.owns(node)
    #expect(budget.ephemeralBytes == 17)
    budget.fired(.deleted, path: node)
    #expect(budget.ephemeralBytes == 0)
    budget.deleted(node)
    #expect(budget.ephemeralBytes == 0)
  }

  @Test("the chroot is part of every path on the wire")
  func chroot() {
    var budget = self.budget(chroot: 6)
    _ = self.arm(&budget, 1)
    #expect(budget.watchBytes == 16)
  }

  @Test("a session is stuck when too many connections in a row had no good answer")
  func breaker() {
    var breaker = ReconnectBreaker(limit: 2)
    expectEqual([breaker.connected(), breaker.connected()], [false, false])
    breaker.answered()
    expectEqual([breaker.connected(), breaker.connected(), breaker.connected()], [false, false, true])
  }
}
