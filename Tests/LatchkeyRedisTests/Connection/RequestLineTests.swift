import LatchkeyTestSupport
import NIOCore
import Testing

@testable import LatchkeyRedis

@Suite("The line of those who wait for replies")
struct RequestLineTests {
  private func time(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

  @Test("gives the n-th reply to the n-th, and the late reply to nobody")
  func order() {
    var line = RequestLine<String>()
    for (index, name) in ["a", "b", "c"].enumerated() { line.append(name, at: self.time(Int64(index))) }
    expectEqual(line.expire(after: .seconds(5), at: self.time(6)), ["a", "b"])
    #expect(line.count == 3)
    expectEqual(line.expire(after: .seconds(5), at: self.time(6)).isEmpty, true)
    #expect(line.nextExpiry(after: .seconds(5)) == self.time(7))
    for (index, expected) in [nil, nil, "c"].enumerated() {
      expectEqual(line.reply(), .init(sent: self.time(Int64(index)), answer: expected))
    }
    expectEqual(line.reply(), .init(sent: nil, answer: nil))
    #expect(line.nextExpiry(after: .seconds(5)) == nil)
  }

  @Test("takes newcomers behind those who were given up")
  func newcomers() {
    var line = RequestLine<String>()
    line.append("a", at: self.time(0))
    expectEqual(line.expire(after: .seconds(1), at: self.time(1)), ["a"])
    line.append("b", at: self.time(2))
    expectEqual(line.reply(), .init(sent: self.time(0), answer: nil))
    expectEqual(line.reply(), .init(sent: self.time(2), answer: "b"))
    line.append("c", at: self.time(3))
    expectEqual(line.expire(after: .seconds(1), at: self.time(4)), ["c"])
    expectEqual(line.removeAll().isEmpty, true)
    line.append("d", at: self.time(5))
    expectEqual(line.removeAll(), ["d"])
    #expect(line.count == 0)
  }

  @Test("knows since when the server owes a reply and says nothing")
  func silence() {
    var line = RequestLine<String>()
    #expect(line.silentSince == nil)
    line.append("a", at: self.time(1))
    line.append("b", at: self.time(2))
    #expect(line.silentSince == self.time(1))
    line.heard(at: self.time(5))
    _ = line.reply()
    #expect(line.silentSince == self.time(5))
    _ = line.reply()
    #expect(line.silentSince == nil)
  }
}
