/// The version of a server, as far as it is made of numbers: `3.4.23`, `7.0.15`, `3.8.0-5a02a05` without what follows the dash.
struct ServerVersion: Hashable, Comparable, CustomStringConvertible, Sendable {
  private let numbers: [Int]

  init(_ numbers: Int...) { self.numbers = numbers }

  init?(_ text: some StringProtocol) {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let numbers = digits.split(separator: ".").map { Int($0) }
    guard !numbers.isEmpty, !numbers.contains(nil) else { return nil }
    self.numbers = numbers.compactMap { $0 }
  }

  /// Missing numbers are zeros.
  static func < (left: ServerVersion, right: ServerVersion) -> Bool {
    for place in 0..<max(left.numbers.count, right.numbers.count) {
      let pair = (left.number(place), right.number(place))
      if pair.0 != pair.1 { return pair.0 < pair.1 }
    }
    return false
  }

  var description: String { self.numbers.map(String.init).joined(separator: ".") }

  private func number(_ place: Int) -> Int { place < self.numbers.count ? self.numbers[place] : 0 }
}
