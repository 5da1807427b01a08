import LatchkeyTestSupport
import Testing

@testable import ZooKeeper

@Suite("Which watches an event fires")
struct WatchRegistryTests {
  private typealias Registry = WatchRegistry<String>

  private func armed(_ kinds: [Registry.Kind]) -> Registry {
    var registry = Registry()
    for kind in kinds {
      let id = registry.add(kind, path: "/a", handler: "\(kind)")
      registry.replied(id, code: .ok)
    }
    return registry
  }

  @Test(
    "each event fires the kinds it concerns and leaves the others",
    arguments: [
      (WatchEvent.created, ["exists"]), (.dataChanged, ["data", "exists"]), (.childrenChanged, ["children"]),
      (.deleted, ["children", "data", "deletion", "exists"]),
    ]
  )
  func kinds(event: WatchEvent, fired: [String]) {
    var registry = self.armed([.exists, .data, .children, .deletion])
    expectEqual(registry.fire(event, path: "/b"), [])
    expectEqual(registry.fire(event, path: "/a").sorted(), fired)
    expectEqual(registry.fire(event, path: "/a"), [])
    #expect(registry.count == 4 - fired.count)
  }

  @Test("a watch whose reply has not come does not fire")
  func unarmed() {
    var registry = Registry()
    let id = registry.add(.data, path: "/a", handler: "x")
    expectEqual(registry.fire(.dataChanged, path: "/a"), [])
    registry.replied(id, code: .ok)
    expectEqual(registry.fire(.dataChanged, path: "/a"), ["x"])
  }

  @Test("a request that failed leaves no watch, except exists on a missing node")
  func failedRequest() {
    var registry = Registry()
    let data = registry.add(.data, path: "/a", handler: "data")
    let exists = registry.add(.exists, path: "/a", handler: "exists")
    let lost = registry.add(.exists, path: "/a", handler: "lost")
    registry.replied(data, code: .noNode)
    registry.replied(exists, code: .noNode)
    registry.replied(lost, code: .connectionLoss)
    expectEqual(registry.fire(.created, path: "/a"), ["exists"])
    #expect(registry.count == 0)
  }

  @Test("a watch that was removed does not fire, and its handler comes back once")
  func remove() {
    var registry = Registry()
    let id = registry.add(.children, path: "/a", handler: "x")
    registry.replied(id, code: .ok)
    #expect(registry.contains(id))
    expectEqual(registry.remove(id), "x")
    expectEqual(registry.remove(id), nil)
    expectEqual(registry.fire(.deleted, path: "/a"), [])
    registry.replied(id, code: .ok)
    #expect(registry.count == 0)
  }

  @Test("all watches on a path fire together, the oldest first")
  func several() {
    var registry = Registry()
    for name in ["a", "b", "c"] {
      registry.replied(registry.add(.data, path: "/a", handler: name), code: .ok)
    }
    expectEqual(registry.fire(.deleted, path: "/a"), ["a", "b", "c"])
  }

  @Test("the end of the session takes all watches, armed or not")
  func sessionEnd() {
    var registry = Registry()
    registry.replied(registry.add(.data, path: "/a", handler: "a"), code: .ok)
    _ = registry.add(.data, path: "/b", handler: "b")
    expectEqual(registry.removeAll(), ["a", "b"])
    #expect(registry.count == 0)
  }

  @Test("a path with a deletion watch is known as such until it fires")
  func deletion() {
    var registry = self.armed([.deletion])
    #expect(registry.awaitsDeletion(of: "/a") && !registry.awaitsDeletion(of: "/b"))
    _ = registry.fire(.deleted, path: "/a")
    #expect(!registry.awaitsDeletion(of: "/a"))
  }
}
