import Testing

@testable import LatchkeyCLI

@Suite("Figures and medians")
struct StatisticsTests {
  @Test(
    "the median is the value in the middle, or between the two in the middle",
    arguments: [([], nil), ([3], 3), ([9, 1, 2], 2), ([4, 1, 3, 2], 2.5)] as [([Double], Double?)]
  )
  func median(values: [Double], expected: Double?) {
    #expect(Statistics.median(values) == expected)
  }

  @Test("the typical repetition is the one nearest to the median")
  func typical() {
    #expect(Statistics.placeOfMedian([]) == nil)
    #expect(Statistics.placeOfMedian([10, 90, 50]) == 2)
    #expect(Statistics.placeOfMedian([1, 100]) == 0)
  }

  @Test(
    "numbers have the digits that mean something",
    arguments: [
      (0.004, "0.0"), (0.276, "0.28"), (9.999, "10.0"), (12.34, "12.3"), (123.4, "123"), (1234.5, "1,235"),
      (3_213_000, "3,213,000"),
    ]
  )
  func numbers(value: Double, text: String) {
    #expect(Figures.number(value) == text)
  }

  @Test(
    "times are in the unit that suits them",
    arguments: [(0.27, "0.27 µs"), (999, "999 µs"), (1500, "1.5 ms"), (2_500_000, "2.5 s")]
  )
  func times(microseconds: Double, text: String) {
    #expect(Figures.time(microseconds: microseconds) == text)
  }

  @Test("moments are told in tenths of a second")
  func moments() {
    #expect(Figures.moment(.microseconds(216_030)) == "0.2 s")
    #expect(Figures.moment(.nanoseconds(1_005_642_063)) == "1.0 s")
    #expect(Figures.moment(.seconds(123)) == "123.0 s")
  }

  @Test("whole numbers are grouped by thousands, spans are rounded up to seconds")
  func words() {
    #expect([0, 999, 1000, 1_234_567, -4321].map(Figures.grouped) == ["0", "999", "1,000", "1,234,567", "-4,321"])
    #expect(Figures.span(seconds: 0.2) == "1 s")
    #expect(Figures.span(seconds: 125) == "2 min 5 s")
  }
}
