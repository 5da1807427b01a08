import Latchkey
import LatchkeyProcesses
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("The pieces of latchkey run", .timeLimit(.minutes(1)))
struct RunPiecesTests {
  @Test("a process is read from its line in /proc, whatever its name holds")
  func process() throws {
    let entry = try #require(ProcessTable.Entry(stat: "42 (a) S (b)) Z 7 40 40 0 -1 0"))
    #expect(entry.pid == 42 && entry.name == "a) S (b)" && entry.parent == 7 && entry.group == 40 && entry.isZombie)
    #expect(ProcessTable.Entry(stat: "") == nil && ProcessTable.Entry(stat: "42 (x)") == nil)
    let own = try #require(ProcessTable.all.first { $0.pid == getpid() })
    #expect(own.parent == getppid() && own.group == getpgrp() && !own.isZombie)
    #expect(ProcessTable.hasAncestor(getppid()))
    #expect(!ProcessTable.hasAncestor(Int32.max))
  }

  @Test(
    "a program is looked up as it is when it is started",
    arguments: [
      ("sh", "/nowhere:/bin", nil), ("sh", nil, nil), ("sh", "/nowhere", ENOENT), ("/bin/sh", "", nil),
      ("no-such", "/bin", ENOENT), ("passwd", "/etc:/nowhere", EACCES), ("/etc", "", EACCES), ("", "/bin", ENOENT),
    ] as [(String, String?, Int32?)]
  )
  func program(name: String, path: String?, problem: Int32?) {
    #expect(Program.problem(name.utf8CString, path: path) == problem)
  }

  @Test("a temporary folder is made where it can be, and the first place is named if there is none")
  func folder() throws {
    let base = try TemporaryFolder()
    defer { base.remove() }
    #expect(try TemporaryFolder.usableParent(among: ["/nonexistent", base.path]) == base.path)
    let error = #expect(throws: SystemError.self) {
      try TemporaryFolder.usableParent(among: ["/nonexistent", "/nowhere"])
    }
    #expect(error?.description.contains("/nonexistent") == true)
  }

  @Test("the locks around a command are known by what they are, not by how they are written")
  func around() throws {
    let none = HeldAround(nil)
    let url = try LockURL("redis://u:secret@h1:6379/orders?label=x&ttl=1s")
    let text = none.adding(url, holder: 17)
    #expect(!text.contains("secret"))
    let inner = HeldAround(HeldAround(text).adding(try LockURL("etcd://b,a/two words"), holder: 18))
    #expect(inner.holder(of: try LockURL("rediss://h1/orders")) { $0 == 17 } == 17)
    #expect(inner.holder(of: try LockURL("etcd://a:2379,b/two%20words")) { _ in true } == 18)
    // Whoever holds it is none of those above, or has ended.
    #expect(inner.holder(of: url) { _ in false } == nil)
    for other in ["redis://h1/order", "redis://h2/orders", "redis://h1/orders?db=1", "redlock://h1,h2,h3/orders"] {
      #expect(inner.holder(of: try LockURL(other)) { _ in true } == nil)
    }
  }

  @Test("a budget bounds connecting, and what is left of it the wait for the lock")
  func budget() {
    let endless = RunBudget(nil)
    #expect(endless.connectTimeout(nil) == nil && endless.connectTimeout(.seconds(5)) == .seconds(5))
    #expect(endless.left == nil && !endless.isTry)
    let attempt = RunBudget(.zero)
    #expect(attempt.connectTimeout(nil) == .seconds(2) && attempt.connectTimeout(.seconds(1)) == .seconds(1))
    #expect(attempt.left == .zero && attempt.isTry)
    let short = RunBudget(.seconds(3), start: .now - .seconds(1))
    #expect(short.connectTimeout(nil) == .seconds(3) && short.connectTimeout(.seconds(9)) == .seconds(3))
    #expect(short.left.map { $0 > .zero && $0 <= .seconds(2) } == true)
    #expect(RunBudget(.milliseconds(10)).connectTimeout(nil) == .seconds(1))
    #expect(RunBudget(.seconds(1), start: .now - .seconds(2)).left == .zero)
    #expect(RunBudget(.seconds(3600)).connectTimeout(nil) == nil)
  }
}
