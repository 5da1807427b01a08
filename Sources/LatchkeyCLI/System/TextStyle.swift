internal import LatchkeyProcesses

/// When to use colours.
enum ColorChoice: String, CaseIterable, Sendable {
  case auto, always, never
}

/// How text may look where it goes to.
struct TextStyle: Hashable, Sendable {
  enum Color: String, Sendable {
    case good = "32"
    case bad = "1;31"
    case faint = "2"
  }

  var isColored: Bool
  /// Whether there are more characters than those of ASCII.
  var isUnicode: Bool

  /// ASCII and no colours.
  static let plain = TextStyle(isColored: false, isUnicode: false)
}

extension TextStyle {
  /// - Parameters:
  ///   - choice: What the user wants.
  ///   - isTerminal: Whether the text goes to a terminal.
  ///   - environment: The value of an environment variable.
  init(_ choice: ColorChoice, isTerminal: Bool, environment: (String) -> String?) {
    func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    let isDumb = value("TERM") == "dumb"
    let isColored =
      switch choice {
      case .always: true
      case .never: false
      // https://no-color.org: any value that is not empty.
      case .auto: isTerminal && !isDumb && value("NO_COLOR") == nil
      }
    let locale = value("LC_ALL") ?? value("LC_CTYPE") ?? value("LANG") ?? ""
    let characters = locale.lowercased()
    let isUnicode = !isDumb && (characters.contains("utf-8") || characters.contains("utf8"))
    self.init(isColored: isColored, isUnicode: isUnicode)
  }

  /// For what goes to a descriptor of this process.
  static func of(_ descriptor: Int32, _ choice: ColorChoice = .auto) -> TextStyle {
    TextStyle(choice, isTerminal: Descriptors.isTerminal(descriptor), environment: Environment.value)
  }

  /// The text in a colour, where there are colours.
  func colored(_ text: String, _ color: Color) -> String {
    self.isColored ? "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// The text with nothing that the place cannot show.
  func shown(_ text: String) -> String {
    self.isUnicode ? text : text.replacing("µ", with: "u")
  }

  /// A bar from the left.
  ///
  /// - Parameters:
  ///   - share: How much of the width it fills, from 0 to 1; what is not zero is seen.
  ///   - width: In columns.
  func bar(_ share: Double, width: Int) -> String {
    guard share > 0, width > 0 else { return "" }
    let length = min(1, share) * Double(width)
    guard self.isUnicode else { return String(repeating: "#", count: max(1, Int(length.rounded()))) }
    let eighths = max(1, Int((length * 8).rounded()))
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
    return String(repeating: "█", count: eighths / 8) + rest
  }
}
