/// Stops the program, so that libFuzzer keeps the input, unless a property holds.
///
/// - Parameters:
///   - property: What must hold for every input.
///   - story: What is wrong, with the values that show it.
public func property(
  _ property: @autoclosure () throws -> Bool,
  _ story: @autoclosure () -> String,
  file: StaticString = #fileID,
  line: UInt = #line
) {
  let holds: Bool
  do {
    holds = try property()
  } catch {
    fatalError("\(story()): \(error)", file: file, line: line)
  }
  guard holds else { fatalError(story(), file: file, line: line) }
}

extension String {
  /// Whether both are the same bytes; `==` takes what looks alike for the same.
  public func isIdentical(to other: String) -> Bool { self.utf8.elementsEqual(other.utf8) }
}
