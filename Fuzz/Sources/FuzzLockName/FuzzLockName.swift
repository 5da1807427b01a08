import FuzzSupport

@testable import Latchkey

/// Names, and the small texts that are written into nodes, keys and files and read again. Input: a text.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var input = FuzzInput(start, count)
  let text = input.text()
  name(text)
  description(text)
  duration(text)
  token(text)
  history(text)
  return 0
}

/// A name is accepted if it keeps the rules, as written down here a second time.
private func name(_ text: String) {
  let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
  // The control characters are U+0000 to U+001F and U+007F to U+009F, and none will be added.
  let hasControl = text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
  let isValid =
    (1...512).contains(text.utf8.count) && !hasControl
    && !parts.contains { $0.isEmpty || $0 == Array(".".utf8) || $0 == Array("..".utf8) }
  do throws(LockError) {
    let name = try LockName(text)
    property(isValid, "\(text.debugDescription) is accepted")
    property(name.rawValue.isIdentical(to: text), "\(text.debugDescription) is changed")
    property(try LockName(name.description) == name, "\(text.debugDescription) is not equal to itself")
  } catch {
    property(!isValid && error.code == .invalidName, "\(text.debugDescription) is refused: \(error)")
  }
}

/// Who holds a lock, as written into its node: any label is read as it was given, but that it is kept on one line and ends after
/// the last scalar that fits into 256 bytes.
private func description(_ text: String) {
  var line = String.UnicodeScalarView()
  for scalar in text.unicodeScalars { line.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar) }
  while String(line).utf8.count > 256 { line.removeLast() }
  let parsed = ContenderDescription.parse(ContenderDescription.text(label: text))
  property(
    parsed?.label?.isIdentical(to: String(line)) == true,
    "the label \(text.debugDescription) is read as \(parsed as Any)"
  )
  let told = ContenderDescription.text(ContenderDescription.text(label: text), limit: 7)
  property(
    ContenderDescription.limit(in: told) == 7
      && ContenderDescription.parse(told)?.label?.isIdentical(to: String(line)) == true,
    "the label \(text.debugDescription) with a limit is read as \(told.debugDescription)"
  )
  property(
    parsed?.host == ThisProcess.host && parsed?.pid == ThisProcess.id,
    "\(text.debugDescription): \(parsed as Any)"
  )
  // What others have written.
  _ = ContenderDescription.parse(text)
  let plain = ContenderDescription.onOneLine(text)
  property(!plain.unicodeScalars.contains { $0.properties.generalCategory == .control }, plain.debugDescription)
}

private func duration(_ text: String) {
  guard let duration = DurationText.parse(text) else { return }
  property(duration >= .zero, "\(text.debugDescription) is \(duration)")
  let written = DurationText.format(duration)
  property(DurationText.parse(written) == duration, "\(text.debugDescription), \(duration), is written as \(written)")
}

private func token(_ text: String) {
  guard let token = FencingToken(text) else { return }
  property(FencingToken(token.description) == token, "\(text.debugDescription) is \(token)")
  property(FencingToken(token.description) == token, "\(text.debugDescription) is \(token)")
}

/// A line of a history, whatever names and reasons are in it, is one line and is read as it was written.
private func history(_ text: String) {
  let at = ContinuousClock().systemEpoch.advanced(by: .nanoseconds(text.utf8.count))
  for kind in [HistoryEvent.Kind.requested, .granted(FencingToken(text)), .failed(text)] {
    let line = HistoryEvent(worker: text.utf8.count, lock: text, kind, at: at).line
    property(!line.utf8.contains(UInt8(ascii: "\n")), "\(text.debugDescription) takes two lines")
    let event = HistoryEvent(line: line)
    property(event?.line.isIdentical(to: line) == true, "\(line.debugDescription) is read as \(event as Any)")
    property(event?.lock.isIdentical(to: text) == true, "\(line.debugDescription) is read as \(event as Any)")
  }
  if let event = HistoryEvent(line: text) {
    property(
      HistoryEvent(line: event.line)?.line.isIdentical(to: event.line) == true,
      "\(text.debugDescription): \(event)"
    )
  }
}
