internal import Latchkey

/// Where the lock of a name has its directory.
///
/// A name's parts are the directory's parts, so that a person finds the lock by its name and other libraries can use the
/// same path. What ZooKeeper cannot carry is written as in a URL, byte by byte (`%F0%9F…`), and so is a `%`, so two names
/// never meet.
enum LockPath {
  static func directory(of name: LockName, under root: String) -> String {
    var path = root == "/" ? "" : root
    for (index, part) in name.rawValue.unicodeScalars.split(separator: "/").enumerated() {
      path += "/"
      path += Self.component(Substring(part), isTop: index == 0 && root == "/")
    }
    return path
  }

  private static func component(_ part: Substring, isTop: Bool) -> String {
    // The server keeps `/zookeeper` for itself.
    if isTop, part == "zookeeper" { return "%7Aookeeper" }
    let endsLikeContender = ContenderIdentity.marker(of: part, among: ContenderIdentity.markers) != nil
    if !endsLikeContender, part.unicodeScalars.allSatisfy(Self.isCarried) { return String(part) }
    var text = ""
    for (index, scalar) in part.unicodeScalars.enumerated() {
      // The last digit is written differently, so that the directory of `orders/lock-0000000007` is no contender
      // for `orders`.
      let isLast = index == part.unicodeScalars.count - 1
      if Self.isCarried(scalar), !(isLast && endsLikeContender) {
        text.unicodeScalars.append(scalar)
      } else {
        for byte in String(scalar).utf8 { text += "%" + Self.hex(byte) }
      }
    }
    return text
  }

  /// The server checks paths as UTF-16 and refuses surrogates (all beyond U+FFFF), private use and the last 16 of the basic
  /// plane (`PathUtils.validatePath`).
  private static func isCarried(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x25: false
    case 0x20..<0x7F, 0xA0..<0xD800, 0xF900..<0xFFF0: true
    default: false
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.count == 1 ? "0" + digits : digits
  }
}
