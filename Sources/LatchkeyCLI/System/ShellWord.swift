/// Words of a command line that can be pasted into a shell.
enum ShellWord {
  /// What no POSIX shell reads as anything but itself.
  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+.,:/@%")

  /// One word, in quotes where it needs them.
  static func quoted(_ word: String) -> String {
    guard word.isEmpty || !word.allSatisfy(self.plain.contains) else { return word }
    return "'\(word.replacing("'", with: "'\\''"))'"
  }

  /// A command line.
  static func line(_ words: [String]) -> String { words.map(self.quoted).joined(separator: " ") }
}
