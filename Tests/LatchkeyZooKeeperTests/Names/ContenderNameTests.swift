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
    #expect(GrantRule.reading.blockingMarker(of: "_c_1-__WRIT__0000000001") == "__WRIT__")
    for name in ["_c_1-__READ__0000000001", "_c_1-latch-0000000001", "_c_1-__WRIT__1", "1__rlock__0000000001"] {
      #expect(GrantRule.reading.blockingMarker(of: name) == nil)
    }
    for marker in ["__READ__", "__WRIT__", "__rlock__", "__lock__", "lock-"] {
      #expect(GrantRule.writing.blockingMarker(of: "1\(marker)0000000001") == marker)
    }
  }

  @Test("keeps identifier and number when its node is replaced")
  func replaced() {
    let (reading, writing) = ("_c_5f3b-__READ__0000000017", "_c_5f3b-__WRIT__0000000017")
    #expect(ContenderIdentity.name(like: writing, marker: "__READ__") == reading)
    #expect(ContenderIdentity.name(like: reading, marker: "__WRIT__") == writing)
  }

  @Test("tells when numbers are about to wrap")
  func wraps() {
    for number in ["2147483647", "-000000001", "2130706432"] {
      #expect(ContenderIdentity.isNearWrap("_c_1-__WRIT__\(number)"))
    }
    #expect(!ContenderIdentity.isNearWrap("_c_1-__WRIT__0000000000"))
    #expect(!ContenderIdentity.isNearWrap("_c_1-__READ__2130706431"))
    #expect(ContenderIdentity.number(of: "_c_1-lock-0000000007") == 7)
    #expect(ContenderIdentity.number(of: "_c_1-lock--000000007") == -7)
  }
}
