internal import ArgumentParser
internal import Latchkey

/// Reads the value of an option that is a duration.
@Sendable
func durationOption(_ text: String) throws -> Duration {
  guard let duration = DurationText.parse(text) else {
    throw ValidationError("\"\(text)\" is no duration; \(DurationText.hint)")
  }
  return duration
}
