import Latchkey
import LatchkeyTesting
import Testing

@Suite("Protected resource")
struct ProtectedResourceTests {
  @Test("it takes growing and equal tokens, and refuses smaller ones with what it has seen")
  func refusesStaleTokens() throws {
    let resource = ProtectedResource(0)
    #expect(resource.newestToken == nil)
    try resource.write(1, fencedBy: FencingToken(major: 3))
    try resource.write(2, fencedBy: FencingToken(major: 3))
    try resource.write(3, fencedBy: FencingToken(major: 3, minor: 1))
    let error = #expect(throws: StaleToken.self) {
      try resource.write(4, fencedBy: FencingToken(major: 3))
    }
    #expect(error?.newest == FencingToken(major: 3, minor: 1))
    #expect(error?.token == FencingToken(major: 3))
    #expect(resource.value == 3)
    #expect(resource.newestToken == FencingToken(major: 3, minor: 1))
  }
}
