internal import ArgumentParser
internal import Latchkey

/// Reads the value of an option that is a duration.
@Sendable
func durationOption(_ text: String) throws -> Duration {
  guard let duration = DurationText.parse(text) else {
    let problem = Double(text) == nil ? "is not a duration" : "has no unit"
    throw ValidationError("\"\(text)\" \(problem); \(DurationText.hint)")
  }
  return duration
}
