import Foundation
import Latchkey
import Testing

@Suite("Fence state")
struct FenceStateTests {
  @Test("it admits growing and equal tokens, and refuses smaller ones with both tokens named")
  func admits() throws {
    var fence = FenceState()
    #expect(fence.newest == nil)
    try fence.admit(FencingToken(major: 3))
    try fence.admit(FencingToken(major: 3))
    try fence.admit(FencingToken(major: 3, minor: 1))
    let refusal = #expect(throws: StaleToken.self) { try fence.admit(FencingToken(major: 3)) }
    #expect(refusal == StaleToken(token: FencingToken(major: 3), newest: FencingToken(major: 3, minor: 1)))
    #expect(fence.newest == FencingToken(major: 3, minor: 1))
    #expect(refusal?.description.contains("token 3 was refused, since one under token 3.1") == true)
  }

  @Test("it starts from what was stored")
  func starts() throws {
    var fence = FenceState(newest: FencingToken(major: 9))
    #expect(throws: StaleToken.self) { try fence.admit(FencingToken(major: 8, minor: .max)) }
    try fence.admit(FencingToken(major: 9))
  }

  @Test(
    "it comes back from JSON as it was, with tokens as text that loses no bit",
    arguments: [
      (FenceState(), "{}"),
      (FenceState(newest: FencingToken(major: 7)), #"{"newest":"7"}"#),
      (FenceState(newest: FencingToken(major: .max, minor: 2)), #"{"newest":"18446744073709551615.2"}"#),
    ]
  )
  func coding(_ fence: FenceState, _ json: String) throws {
    #expect(String(decoding: try JSONEncoder().encode(fence), as: UTF8.self) == json)
    #expect(try JSONDecoder().decode(FenceState.self, from: Data(json.utf8)) == fence)
  }

  @Test("a state that was stored with a minor of 0 is read")
  func oldForm() throws {
    let state = try JSONDecoder().decode(FenceState.self, from: Data(#"{"newest":"7.0"}"#.utf8))
    #expect(state == FenceState(newest: FencingToken(major: 7)))
  }

  @Test("a refusal need not know the newest token")
  func newestUnknown() {
    let refusal = StaleToken(token: FencingToken(major: 3))
    #expect(refusal.newest == nil)
    #expect("\(refusal)".contains("token 3 was refused, since one under a later token came before it"))
  }

  @Test("what is no token is refused when a state is read", arguments: [#"{"newest":"7."}"#, #"{"newest":7}"#])
  func badCoding(_ json: String) {
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(FenceState.self, from: Data(json.utf8)) }
  }
}
