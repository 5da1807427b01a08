internal import Latchkey

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A certificate that vouches for itself, with its key.
struct ServerCertificate: Sendable {
  let file: String
  let keyFile: String

  /// Has `openssl` make one.
  ///
  /// - Parameters:
  ///   - names: What it says whose it is, as `DNS:name` or `IP:address`.
  ///   - folder: Where its files come to lie.
  static func make(for names: [String], in folder: ServerFolder) async throws(ServerError) -> ServerCertificate {
    let made = ServerCertificate(file: folder.path + "/certificate.pem", keyFile: folder.path + "/key.pem")
    let nothing = open("/dev/null", O_RDONLY)
    guard nothing >= 0 else { throw .system("Cannot open /dev/null") }
    defer { close(nothing) }
    let arguments = [
      try Programs.path(of: "openssl", package: "openssl"), "req", "-x509", "-newkey", "ec",
      "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=localhost",
      "-addext", "subjectAltName=" + names.joined(separator: ","), "-keyout", made.keyFile, "-out", made.file,
    ]
    let process = ChildProcess(pid: try spawn(arguments, input: nothing, output: folder.log)) {}
    await process.exit()
    guard access(made.file, R_OK) == 0, access(made.keyFile, R_OK) == 0 else {
      throw ServerError(.system, "openssl has made no certificate. The end of its output:\n\(folder.logTail)")
    }
    return made
  }
}
