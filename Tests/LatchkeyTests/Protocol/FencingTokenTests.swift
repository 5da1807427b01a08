import Latchkey
import Testing

@Suite("Fencing tokens")
struct FencingTokenTests {
  @Test("tokens are compared by major, then by minor")
  func order() {
    let ordered = [
      FencingToken(major: 0), FencingToken(major: 0, minor: 1), FencingToken(major: 1),
      FencingToken(major: 1, minor: .max),
      FencingToken(major: 2), FencingToken(major: .max), FencingToken(major: .max, minor: .max),
    ]
    for (left, lower) in ordered.enumerated() {
      for (right, upper) in ordered.enumerated() {
        #expect((lower < upper) == (left < right))
        #expect((lower == upper) == (left == right))
      }
    }
  }

  @Test("a token is written in one form: major, and a minor that is not 0")
  func descriptions() {
    #expect("\(FencingToken(major: 7))" == "7")
    #expect(FencingToken(major: 7, minor: 3).description == "7.3")
    #expect(FencingToken(major: .max).description == "18446744073709551615")
  }

  @Test("a token is read back, also with a minor of 0", arguments: [0, 7, UInt64.max], [0, 3, UInt64.max])
  func readBack(_ major: UInt64, _ minor: UInt64) {
    let token = FencingToken(major: major, minor: minor)
    #expect(FencingToken(token.description) == token)
    #expect(FencingToken("\(major).\(minor)") == token)
  }

  @Test(
    "what is no token is not read as one",
    arguments: ["", "7.", ".7", "7.3.1", "+7", "-1", "7 ", "0x7", "18446744073709551616"]
  )
  func notTokens(_ text: String) {
    #expect(FencingToken(text) == nil)
  }
}
