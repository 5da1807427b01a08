import Latchkey
import Testing

@testable import LatchkeyZooKeeper

@Suite("The name of a contender's node")
struct ContenderNameTests {
  @Test(
    "is recognised whatever stands before the marker",
    arguments: [
      "lock-0000000001", "_c_5f3b-lock-0000000001", "0123456789abcdef__lock__0000000001", "x-lock--000000001",
      "lock-lock-0000000001",
      // Markers that overlap: the last one counts.
      "__lock__lock__0000000001",
      // A scalar that joins the letter behind it to one `Character`.
      "\u{600}lock-0000000001",
    ]
  )
  func contends(name: String) {
    #expect(GrantRule.mutex.blockingMarker(of: name) != nil)
  }

  @Test(
    "is told from other names",
    arguments: [
      "", "lock-", "lock-1", "lock-000000001", "lock-+000000001", "lock-0000000001x", "0000000001", "LOCK-0000000001",
    ]
  )
  func contendsForNothing(name: String) {
    #expect(GrantRule.mutex.blockingMarker(of: name) == nil)
  }

  @Test(
    "is never that of a lock's directory, which would contend for the lock above it for ever",
    arguments: [
      "lock-0000000007", "__lock__lock__0000000001", "\u{600}lock-0000000001", "a__READ__0000000001",
      "x-lock--000000001",
    ]
  )
  func directory(part: String) throws {
    let path = LockPath.directory(of: try LockName("orders/\(part)"), under: "/")
    let last = path.split(separator: "/").last ?? ""
    #expect(ContenderIdentity.marker(of: last, among: ContenderIdentity.markers) == nil, "\(path)")
    #expect(last.contains("%"))
  }

  @Test("says whom it blocks")
  func blocks() {
    let reading = GrantRule("__READ__", behind: ["__WRIT__"], passing: ["__READ__"])
    #expect(reading.blockingMarker(of: "_c_1-__WRIT__0000000001") == "__WRIT__")
    for name in ["_c_1-__READ__0000000001", "_c_1-lock-0000000001", "_c_1-__WRIT__1"] {
      #expect(reading.blockingMarker(of: name) == nil)
    }
  }
}
