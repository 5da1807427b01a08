import LatchkeyRedis
import Testing

@Suite("A Redis command")
struct RedisCommandTests {
  @Test("carries its words as bytes")
  func words() {
    #expect(RedisCommand("GET", "é").words == [[71, 69, 84], [0xC3, 0xA9]])
  }
}
