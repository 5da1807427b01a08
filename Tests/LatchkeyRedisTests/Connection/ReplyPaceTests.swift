import NIOCore
import Testing

@testable import LatchkeyRedis

@Suite("The pace of replies")
struct ReplyPaceTests {
  @Test("is that of a server nearby until eight replies in a row have come late")
  func patience() {
    var pace = ReplyPace(limit: .microseconds(100))
    for _ in 0..<3 {
      for _ in 0..<7 { pace.replied(after: .microseconds(101)) }
      #expect(pace.isQuick)
      pace.replied(after: .microseconds(100))
    }
    for _ in 0..<8 { pace.replied(after: .seconds(1)) }
    #expect(!pace.isQuick)
  }

  @Test("is tried again once in a while, and at once when a reply comes in time")
  func retreat() {
    var pace = ReplyPace(limit: .microseconds(100))
    for _ in 0..<8 { pace.replied(after: .microseconds(200)) }
    for _ in 0..<3 {
      var asleep = 0
      while !pace.isQuick, asleep < 1000 {
        pace.replied(after: .microseconds(200))
        asleep += 1
      }
      #expect(asleep == 64)
      pace.replied(after: .microseconds(200))
      #expect(!pace.isQuick)
    }
    pace.replied(after: .microseconds(90))
    #expect(pace.isQuick)
  }

  @Test("is nobody's concern if nobody is to look out")
  func zero() {
    var pace = ReplyPace(limit: .zero)
    #expect(!pace.isQuick)
    pace.replied(after: .zero)
    #expect(!pace.isQuick)
  }
}
