internal import Latchkey

extension HistoryEvent {
  /// The event as one line of text without its end: nanoseconds since the machine's start, worker, kind, detail and lock,
  /// separated by tabs. Lines of several processes of one machine can be merged.
  public var line: String {
    let (seconds, attoseconds) = ContinuousClock().systemEpoch.duration(to: self.at).components
    let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    let (kind, detail): (String, String) =
      switch self.kind {
      case .requested: ("requested", "")
      case .granted(let token): ("granted", token?.description ?? "")
      case .released: ("released", "")
      case .lost: ("lost", "")
      case .failed(let reason): ("failed", Self.escape(reason))
      }
    return "\(nanoseconds)\t\(self.worker)\t\(kind)\t\(detail)\t\(Self.escape(self.lock))"
  }

  /// Reads an event back.
  ///
  /// - Parameter line: What ``line`` gave.
  /// - Returns: The event, or nil if the line is none, for example because its writer was killed in the middle.
  public init?(line: some StringProtocol) {
    let fields = String(line).split(separator: "\t" as Character, omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 5, let nanoseconds = Int64(fields[0]), let worker = Int(fields[1]) else { return nil }
    let kind: Kind
    switch fields[2] {
    case "requested": kind = .requested
    case "granted":
      let token = FencingToken(fields[3])
      guard token != nil || fields[3].isEmpty else { return nil }
      kind = .granted(token)
    case "released": kind = .released
    case "lost": kind = .lost
    case "failed": kind = .failed(Self.unescape(fields[3]))
    default: return nil
    }
    let at = ContinuousClock().systemEpoch.advanced(by: .nanoseconds(nanoseconds))
    self.init(worker: worker, lock: Self.unescape(fields[4]), kind, at: at)
  }

  private static let escapes: [(scalar: Unicode.Scalar, code: Unicode.Scalar)] = [
    ("\\", "\\"), ("\t", "t"), ("\n", "n"), ("\r", "r"),
  ]

  private static func escape(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if let escape = self.escapes.first(where: { $0.scalar == scalar }) {
        result.append("\\")
        result.append(escape.code)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  private static func unescape(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    var scalars = text.unicodeScalars.makeIterator()
    while let scalar = scalars.next() {
      guard scalar == "\\", let code = scalars.next() else {
        result.append(scalar)
        continue
      }
      result.append(self.escapes.first { $0.code == code }?.scalar ?? code)
    }
    return String(result)
  }
}
