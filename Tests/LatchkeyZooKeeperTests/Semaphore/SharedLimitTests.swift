import LatchkeyTesting
import Testing

@testable import LatchkeyZooKeeper

@Suite("A limit in the layout of Curator's SharedCount")
struct SharedLimitTests {
  @Test(
    "is four bytes, most significant first",
    arguments: [(0, [0, 0, 0, 0]), (258, [0, 0, 1, 2]), (-1, [255, 255, 255, 255])]
  )
  func layout(limit: Int, bytes: [UInt8]) {
    #expect(SharedLimit.encode(limit) == bytes)
    #expect(SharedLimit.decode(bytes) == limit)
  }

  @Test("is what was written, whatever number fits, and the nearest that fits otherwise")
  func roundTrip() {
    var random = SplitMix(seed: 7)
    for _ in 0..<1000 {
      let limit = Int(Int32(truncatingIfNeeded: random.next()))
      #expect(SharedLimit.decode(SharedLimit.encode(limit)) == limit)
    }
    #expect(SharedLimit.decode(SharedLimit.encode(.max)) == Int(Int32.max))
  }

  @Test("is nothing in data of another length")
  func otherLengths() {
    for count in [0, 1, 3, 5, 8] { #expect(SharedLimit.decode(Array(repeating: 7, count: count)) == nil) }
  }
}
