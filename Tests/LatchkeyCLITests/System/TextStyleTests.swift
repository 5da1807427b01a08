import Testing

@testable import LatchkeyCLI

@Suite("How text looks")
struct TextStyleTests {
  @Test(
    "colours are for terminals, unless NO_COLOR, TERM or --color say otherwise",
    arguments: [
      (ColorChoice.auto, true, [:], true), (.auto, false, [:], false), (.auto, true, ["NO_COLOR": "1"], false),
      (.auto, true, ["NO_COLOR": ""], true), (.auto, true, ["TERM": "dumb"], false),
      (.always, false, ["NO_COLOR": "1"], true), (.never, true, [:], false),
    ]
  )
  func colors(choice: ColorChoice, isTerminal: Bool, environment: [String: String], isColored: Bool) {
    let style = TextStyle(choice, isTerminal: isTerminal) { environment[$0] }
    #expect(style.isColored == isColored)
    #expect(style.colored("x", .good) == (isColored ? "\u{1B}[32mx\u{1B}[0m" : "x"))
  }

  @Test(
    "more than ASCII is for locales of UTF-8, of which the first that is set counts",
    arguments: [
      (["LANG": "en_US.UTF-8"], true), (["LANG": "C.utf8"], true), ([:], false), (["LANG": "C"], false),
      (["LC_ALL": "C", "LANG": "en_US.UTF-8"], false), (["LC_ALL": "", "LC_CTYPE": "C.UTF-8"], true),
      (["LANG": "en_US.UTF-8", "TERM": "dumb"], false),
    ]
  )
  func characters(environment: [String: String], isUnicode: Bool) {
    #expect(TextStyle(.auto, isTerminal: true) { environment[$0] }.isUnicode == isUnicode)
  }

  @Test("a bar is as long as its share, and never vanishes")
  func bars() {
    let drawn = TextStyle(isColored: false, isUnicode: true)
    #expect(drawn.bar(0.5, width: 5) == "██▌" && drawn.bar(1, width: 3) == "███" && drawn.bar(2, width: 3) == "███")
    #expect(drawn.bar(1e-9, width: 5) == "▏" && drawn.bar(0, width: 5) == "")
    #expect(TextStyle.plain.bar(1e-9, width: 5) == "#" && TextStyle.plain.bar(0.6, width: 10) == "######")
    #expect(TextStyle.plain.shown("1 µs") == "1 us")
  }
}
