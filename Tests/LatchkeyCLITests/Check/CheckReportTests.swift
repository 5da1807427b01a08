import Testing

@testable import LatchkeyCLI

@Suite("The report of a check")
struct CheckReportTests {
  private let findings = [
    Finding(.ok, "mode", "alone").on("a:1"), Finding(.note, "access", "open").remedy("close it").on("a:1"),
    Finding(.danger, "eviction", "evicts").remedy("stop it").on("b:1"),
    Finding(.note, "access", "open").remedy("close it").on("b:1"),
  ]

  @Test("has the worst first, says the same of several servers once, and counts")
  func text() {
    let report = CheckReport(backend: "redis", servers: "a:1,b:1", self.findings)
    #expect(report.verdict == .danger && !report.isGood)
    #expect(
      report.text == """
        redis(a:1,b:1)

        danger   eviction: b:1: evicts
                 -> stop it
        note     access: a:1, b:1: open
                 -> close it
        ok       mode: a:1: alone

        1 danger, 1 note
        """
    )
  }

  @Test("is good with nothing worse than a note")
  func good() {
    let report = CheckReport(backend: "redis", servers: "a:1", Array(self.findings.prefix(2)))
    #expect(report.verdict == .note && report.isGood)
    #expect(CheckReport(backend: "redis", servers: "a:1", []).text.hasSuffix("nothing to object to"))
  }

  @Test(
    "compares versions number by number",
    arguments: [("3.4.9", "3.4.31"), ("3.4.31", "3.5"), ("3.8.0-5a02", "3.8.1"), ("7", "7.0.1")]
  )
  func versions(older: String, newer: String) throws {
    let (older, newer) = (try #require(ServerVersion(older)), try #require(ServerVersion(newer)))
    #expect(older < newer && !(newer < older))
    #expect(ServerVersion("next") == nil && ServerVersion("") == nil)
  }

  @Test(
    "takes a URL with or without the name of a lock",
    arguments: [
      ("redis://r1:6379", "redis://r1:6379/check"), ("redis://r1:6379/", "redis://r1:6379/check"),
      ("redis://r1?db=1", "redis://r1/check?db=1"), ("redis://r1/?db=1", "redis://r1/check?db=1"),
      ("redis://r1/orders?db=1", "redis://r1/orders?db=1"), ("local:x", "local:x"), ("nonsense", "nonsense"),
    ]
  )
  func url(given: String, used: String) {
    #expect(CheckCommand.withName(given) == used)
  }
}
