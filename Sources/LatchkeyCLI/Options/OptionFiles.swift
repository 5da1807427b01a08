internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

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

/// Files for libraries that read them by name, and perhaps more than once, or in another process.
enum ReadableFile {
  private static let copies = Locked<[String: String]>([:])

  /// A file that can be read by its name: the given one, or a copy of what can be read only once, such as a pipe.
  ///
  /// The copy is an unlinked file that only this user can read; it is gone when this process ends.
  ///
  /// - Throws: ``SystemError`` if there is nothing to read.
  static func path(_ file: String) throws(SystemError) -> String {
    guard !FileText.isRegular(file) else {
      guard access(file, R_OK) == 0 else { throw SystemError(doing: "read \(file)") }
      return file
    }
    return try self.copies.withLock { copies throws(SystemError) in
      if let copy = copies[file] { return copy }
      let copy = try self.copy(of: file)
      copies[file] = copy
      return copy
    }
  }

  private static func copy(of file: String) throws(SystemError) -> String {
    let bytes = try FileText.bytes(file)
    #if os(Linux)
    // In memory if possible: it may be a private key.
    let folder = try TemporaryFolder(in: ["/dev/shm"] + TemporaryFolder.parents)
    defer { folder.remove() }
    let path = folder.file("copy")
    let copy = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard copy >= 0 else { throw SystemError(doing: "copy \(file)") }
    let code = Descriptors.write(String(decoding: bytes, as: UTF8.self), to: copy)
    guard code == 0 else { throw SystemError(doing: "copy \(file)", code: code) }
    return "/proc/\(getpid())/fd/\(copy)"
    #else
    throw SystemError(
      doing: "read \(file) more than once, as \(bytes.count) bytes from a pipe; name a file",
      code: ESPIPE
    )
    #endif
  }
}
