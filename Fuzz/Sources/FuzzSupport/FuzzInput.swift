/// What libFuzzer has thought up, taken apart piece by piece. Where it has run out, everything is zero and empty.
public struct FuzzInput {
  private var rest: ArraySlice<UInt8>

  /// - Parameters:
  ///   - start: The first byte, as `LLVMFuzzerTestOneInput` gets it.
  ///   - count: The number of bytes.
  public init(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    self.rest = Array(UnsafeBufferPointer(start: start, count: count))[...]
  }

  /// Whether nothing is left.
  public var isEmpty: Bool { self.rest.isEmpty }

  /// The next byte.
  public mutating func byte() -> UInt8 { self.rest.popFirst() ?? 0 }

  /// A number below a bound of at most 256.
  public mutating func number(below bound: Int) -> Int { Int(self.byte()) % bound }

  /// A number of any size.
  public mutating func integer<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
    (0..<MemoryLayout<Number>.size).reduce(0) { number, _ in number << 8 | Number(truncatingIfNeeded: self.byte()) }
  }

  /// The bytes to the next byte that is given, which is left out; all the rest without one.
  public mutating func bytes(upTo separator: UInt8) -> [UInt8] {
    let end = self.rest.firstIndex(of: separator) ?? self.rest.endIndex
    defer { self.rest = self.rest[end...].dropFirst() }
    return Array(self.rest[..<end])
  }

  /// All that is left.
  public mutating func bytes() -> [UInt8] {
    defer { self.rest = [] }
    return Array(self.rest)
  }

  /// Text to the next line break; what is no UTF-8 is mended.
  public mutating func line() -> String { String(decoding: self.bytes(upTo: UInt8(ascii: "\n")), as: UTF8.self) }

  /// All that is left, as text; what is no UTF-8 is mended.
  public mutating func text() -> String { String(decoding: self.bytes(), as: UTF8.self) }

}

extension [UInt8] {
  /// The same bytes in pieces: cut at as many places as there are numbers, each of which stands for a place.
  public func pieces(cutAt numbers: [UInt8]) -> [[UInt8]] {
    guard !self.isEmpty else { return [] }
    let places = Set(numbers.map { Int($0) % self.count }).sorted()
    return zip([0] + places, places + [self.count]).map { Array(self[$0..<$1]) }
  }
}
