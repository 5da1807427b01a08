import Latchkey
import Testing

@Suite("Durations in URLs and options")
struct DurationTextTests {
  @Test(
    "are a number and a unit",
    arguments: [
      ("500ms", Duration.milliseconds(500)), ("10s", .seconds(10)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
      ("250us", .microseconds(250)), ("1.5s", .milliseconds(1500)), ("0.25ms", .microseconds(250)), ("0", .zero),
      ("0s", .zero),
    ]
  )
  func parse(text: String, duration: Duration) {
    #expect(DurationText.parse(text) == duration)
  }

  @Test(
    "are refused if they have no unit, a sign, or are too long for the clock",
    arguments: ["", "10", "s", "-1s", "+1s", "1.s", ".5s", "1.2.3s", "1 s", "1d", "1e3s", "9223372036854775807s", "١s"]
  )
  func refuse(text: String) {
    #expect(DurationText.parse(text) == nil)
  }

  @Test(
    "are written in the largest unit that needs no fraction, and to the nanosecond",
    arguments: ["500ms", "10s", "2m", "1h", "250us", "0s", "1500ms", "1.500us", "0.001us"]
  )
  func format(text: String) {
    #expect(DurationText.parse(text).map(DurationText.format) == text)
  }
}
