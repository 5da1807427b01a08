internal import Latchkey
internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A file or pipe that holds a password and nothing else.
enum PasswordFile {
  /// What was read: a pipe can be read once, and a command may have several URLs.
  private static let passwords = Locked<[String: String]>([:])

  /// The one line of the file, with or without the characters that end it. No error shows a part of it.
  static func password(in file: String) throws(CommandFailure) -> String {
    try self.passwords.withLock { passwords throws(CommandFailure) in
      if let password = passwords[file] { return password }
      let password = try self.read(file)
      passwords[file] = password
      return password
    }
  }

  private static func read(_ file: String) throws(CommandFailure) -> String {
    let text: String
    do {
      text = try FileText.read(file, upTo: 1 << 16)
    } catch {
      switch error.code {
      case EILSEQ: throw CommandFailure(.usage, "the password file \(file) is not text in UTF-8; write it anew")
      case EFBIG:
        throw CommandFailure(.usage, "the password file \(file) is too long for a password; leave only that in it")
      default: throw CommandFailure(.usage, "\(error) for the password; check its path and permissions")
      }
    }
    let password = text.prefix { !$0.isNewline }
    // A second line may be a part of the password or not: refuse it rather than guess.
    guard text[password.endIndex...].dropFirst().isEmpty else {
      throw CommandFailure(.usage, "the password file \(file) has more than one line; leave only the password in it")
    }
    guard !password.isEmpty else {
      throw CommandFailure(.usage, "the password file \(file) is empty; write the password into it, or leave it out")
    }
    return String(password)
  }
}
