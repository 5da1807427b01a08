import LatchkeyPrimitives
import Testing

@Suite("Tables")
struct TableTests {
  @Test("handlers are kept in order until they are removed, and no number is given twice")
  func handlers() {
    var table = HandlerTable<String>()
    #expect(table.isEmpty)
    let ids = ["a", "b", "c"].map { table.add($0) }
    #expect(Set(ids).count == 3)
    #expect(table.all == ["a", "b", "c"] && table.count == 3)
    #expect(table.remove(ids[1]) == "b")
    #expect(table.remove(ids[1]) == nil)
    #expect(table.removeAll() == ["a", "c"])
    #expect(table.isEmpty && table.removeAll() == [])
    #expect(!ids.contains(table.add("d")))
  }

  /// A value that is in use, or not.
  private final class Room: Sweepable, Sendable {
    private let state = Locked((isUsed: false, isRetired: false))

    var isUsed: Bool { self.state.withLock { $0.isUsed } }

    var isRetired: Bool { self.state.withLock { $0.isRetired } }

    func use() { self.state.withLock { $0.isUsed = true } }

    func retireIfIdle() -> Bool {
      self.state.withLock { state in
        state.isRetired = !state.isUsed
        return state.isRetired
      }
    }
  }

  @Test("a name keeps its value while the value is in use")
  func keepsValues() {
    var table = SweptTable<Int, Room>(minimumSize: 8)
    let first = table.value(for: 0) { Room() }
    first.use()
    for name in 1..<100 { _ = table.value(for: name) { Room() } }
    #expect(table.value(for: 0) { Room() } === first)
    #expect(!first.isRetired)
  }

  @Test("the table holds at most twice as many values as are in use, and what it drops is retired first")
  func dropsIdleValues() {
    var table = SweptTable<Int, Room>(minimumSize: 8)
    var rooms: [Room] = []
    for name in 0..<1_000 {
      let room = table.value(for: name) { Room() }
      if name % 100 == 0 { room.use() }
      rooms.append(room)
      #expect(table.count <= 2 * 11 + 8)
    }
    #expect(rooms.count { !$0.isRetired } == table.count)
    #expect(rooms.filter(\.isUsed).allSatisfy { room in table.values.contains { $0 === room } })
  }
}
