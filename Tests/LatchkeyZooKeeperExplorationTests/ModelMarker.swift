import Foundation

/// What a node stands for: the marker of its name, of which the model writes one letter.
enum ModelMarker: Int {
  case lock, reading, writing, latch

  init(_ marker: String) {
    switch marker {
    case "__READ__": self = .reading
    case "__WRIT__": self = .writing
    case "latch-": self = .latch
    default: self = .lock
    }
  }

  /// The marker of a node of the model: the letter behind its identifier.
  init(of node: String) {
    for byte in node.utf8 {
      switch byte {
      case UInt8(ascii: "r"): self = .reading
      case UInt8(ascii: "w"): self = .writing
      case UInt8(ascii: "l"): self = .latch
      case UInt8(ascii: "-"): self = .lock
      default: continue
      }
      return
    }
    self = .lock
  }

  /// The name of the node that takes the place of another.
  func name(like node: String) -> String {
    node.replacingOccurrences(of: ModelMarker(of: node).letter, with: self.letter)
  }

  var letter: String {
    switch self {
    case .lock: "-"
    case .reading: "r"
    case .writing: "w"
    case .latch: "l"
    }
  }

  /// The marker as rules know it.
  var text: String {
    switch self {
    case .lock: "lock-"
    case .reading: "__READ__"
    case .writing: "__WRIT__"
    case .latch: "latch-"
    }
  }

  /// Whether two nodes may stand for leases that are held at once, whatever a rule that is to be found wrong says of them.
  func mayBeHeld(beside other: ModelMarker) -> Bool {
    (self == .latch) != (other == .latch) || (self == .reading && other == .reading)
  }
}
