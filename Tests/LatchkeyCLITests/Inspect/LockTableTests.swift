import Latchkey
import Testing

@testable import LatchkeyCLI

@Suite("The table of a lock")
struct LockTableTests {
  private func report(_ kind: String, _ contenders: [LockContender] = []) throws -> LockReport {
    LockReport(
      name: "orders",
      backend: LockBackend(kind: kind, instance: "h:1"),
      contenders: contenders
    )
  }

  private func contender(_ place: Int, host: String? = nil, _ change: (inout LockContender) -> Void = { _ in })
    -> LockContender
  {
    var contender = LockContender(place: place, identity: "n\(place)")
    contender.host = host
    change(&contender)
    return contender
  }

  @Test("is one line where nobody holds the lock")
  func free() throws {
    #expect(LockTable(report: try self.report("zookeeper")).lines == [#"lock "orders" on zookeeper(h:1): free"#])
  }

  @Test("has the holder first, a dash for what is not known, and no column of which nothing is known")
  func queue() throws {
    let report = try self.report(
      "zookeeper",
      [
        self.contender(0, host: "a") {
          $0.session = "0x1"; $0.age = .seconds(75)
        }, self.contender(1) { $0.session = "0x23" },
      ]
    )
    #expect(
      LockTable(report: report).lines == [
        #"lock "orders" on zookeeper(h:1): held, 1 waits"#, "",
        "place   who  session  age         node",
        "holder  a    0x1      1 min 15 s  n0",
        "1       -    0x23     -           n1",
      ]
    )
  }

  @Test("names what the backend calls things", arguments: [("etcd", "lease", "key"), ("redis", "session", "value")])
  func headings(kind: String, session: String, identity: String) throws {
    let report = try self.report(kind, [self.contender(0) { $0.session = "1" }])
    #expect(LockTable(report: report).lines[2] == "place   \(session)  \(identity)")
  }

  @Test("says what speaks against a contender")
  func caveat() throws {
    let contenders = [self.contender(0) { $0.caveat = "no lease" }, self.contender(1) { $0.caveat = "odd" }]
    let lines = LockTable(report: try self.report("etcd", contenders)).lines
    #expect(lines.suffix(2) == ["holder: no lease", "place 1: odd"])
  }

  @Test("can be cut off, and says how many are not shown")
  func limit() throws {
    let report = try self.report("etcd", (0..<10).map { self.contender($0) })
    let lines = LockTable(report: report, limit: 3).lines
    #expect(lines[0].hasSuffix("held, 9 wait"))
    #expect(lines.count == 2 + 1 + 4 + 1 && lines.last == "… and 6 more")
  }

  @Test("says how many listen where there is no queue")
  func listeners() throws {
    var report = try self.report("redis", [self.contender(0)])
    for (count, end) in [
      (0, "held"), (1, "held, 1 process listens for its release"), (2, "2 processes listen for its release"),
    ] {
      report.waiting = count
      #expect(LockTable(report: report).lines[0].hasSuffix(end))
    }
  }

  @Test("shows what each server of a quorum answers")
  func votes() throws {
    var report = try self.report("redlock")
    let holder = self.contender(0, host: "a") { $0.remaining = .milliseconds(1500) }
    report.votes = [
      LockReport.Vote(server: "r1:1", contender: holder), LockReport.Vote(server: "r2:1"),
      LockReport.Vote(server: "r3:1", failure: "refused"),
    ]
    #expect(
      LockTable(report: report).lines == [
        #"lock "orders" on redlock(h:1): free; keys on 1 of 3 servers are no majority of one holder"#, "",
        "server  key held by         left", "r1:1    a                   1 s", "r2:1    nobody",
        "r3:1    no answer: refused",
      ]
    )
    report.holder = holder
    #expect(LockTable(report: report).lines.contains("r1:1    the holder          1 s"))
  }

  @Test(
    "tells times in their two greatest units",
    arguments: [
      (0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (59_999, "59 s"), (60_000, "1 min"), (3_599_000, "59 min 59 s"),
      (7_260_000, "2 h 1 min"), (90_000_000, "1 d 1 h"),
    ]
  )
  func times(milliseconds: Int, text: String) {
    #expect(Figures.span(.milliseconds(milliseconds)) == text)
  }

  @Test("a drawing takes the place of the one before, also of a longer one, and breaks no line")
  func redrawing() {
    var drawing = Redrawing()
    #expect(drawing.frame(["a", "b"]) == "\u{1B}[?7l\ra\u{1B}[K\nb\u{1B}[K\n\u{1B}[J\u{1B}[?7h")
    #expect(drawing.frame(["c"]) == "\u{1B}[?7l\r\u{1B}[2Ac\u{1B}[K\n\u{1B}[J\u{1B}[?7h")
    #expect(drawing.frame([]).contains("\u{1B}[1A"))
  }

  @Test("as JSON has every field, also those of which nothing is known")
  func json() throws {
    let text = try JSON.encode(LockObject(try self.report("etcd", [self.contender(0)])))
    for field in ["host", "pid", "label", "session", "ageSeconds", "remainingSeconds", "token", "caveat"] {
      #expect(text.contains("\"\(field)\":null"))
    }
    #expect(text.contains(#""queue":[]"#) && text.contains(#""isHeld":true"#) && text.contains(#""waiting":null"#))
  }
}
