import LatchkeyPrimitives
import Testing

@Suite("Durations in units")
struct DurationUnitsTests {
  @Test("a duration is cut to whole units, towards zero")
  func wholeUnits() {
    #expect(Duration.nanoseconds(1_999_999).milliseconds == 1)
    #expect(Duration.nanoseconds(-1_999_999).milliseconds == -1)
    #expect(Duration(secondsComponent: 3, attosecondsComponent: 1_999_999_999).nanoseconds == 3_000_000_001)
    #expect(Duration.seconds(-2).nanoseconds == -2_000_000_000)
  }

  @Test("what does not fit is the greatest or least number that does")
  func extremes() {
    for (long, bound) in [(Duration.seconds(Int64.max), Int64.max), (.seconds(Int64.min), .min)] {
      #expect(long.milliseconds == bound)
      #expect(long.nanoseconds == bound)
    }
    // The whole seconds fit, the rest does not.
    let edge = Duration(secondsComponent: 9_223_372_036, attosecondsComponent: 900_000_000_000_000_000)
    #expect(edge.nanoseconds == .max)
    #expect((Duration.zero - edge).nanoseconds == .min)
  }

  @Test("seconds are rounded up")
  func seconds() {
    #expect(Duration.seconds(2).secondsRoundedUp == 2)
    #expect(Duration.milliseconds(2_001).secondsRoundedUp == 3)
    #expect(Duration.milliseconds(-1_500).secondsRoundedUp == -1)
    #expect(Duration.zero.secondsRoundedUp == 0)
  }
}
