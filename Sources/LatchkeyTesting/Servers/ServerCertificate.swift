internal import LatchkeyProcesses

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A certificate with its key; that of a server vouches for itself.
package struct ServerCertificate: Sendable {
  package let file: String
  package let keyFile: String

  /// Has `openssl` make one.
  ///
  /// - Parameters:
  ///   - names: What it says whose it is, as `DNS:name` or `IP:address`.
  ///   - folder: Where its files come to lie.
  package static func make(for names: [String], in folder: ServerFolder) async throws(ServerError) -> ServerCertificate
  {
    try await self.make(
      "certificate",
      ["-subj", "/CN=localhost", "-addext", "subjectAltName=" + names.joined(separator: ",")],
      in: folder
    )
  }

  /// Has `openssl` make a certificate for a client, for which this one vouches.
  package func client(in folder: ServerFolder) async throws(ServerError) -> ServerCertificate {
    try await Self.make("client", ["-subj", "/CN=client", "-CA", self.file, "-CAkey", self.keyFile], in: folder)
  }

  /// The certificate and its key.
  var files: (file: String, keyFile: String) { (self.file, self.keyFile) }

  private static func make(
    _ name: String,
    _ options: [String],
    in folder: ServerFolder
  ) async throws(ServerError) -> ServerCertificate {
    let made = ServerCertificate(file: "\(folder.path)/\(name).pem", keyFile: "\(folder.path)/\(name)-key.pem")
    let nothing = try systemCall { () throws(SystemError) in try Descriptors.create("/dev/null") }
    defer { close(nothing) }
    let arguments = [
      try Programs.path(of: "openssl", package: "openssl"), "req", "-x509", "-newkey", "ec",
      "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-keyout", made.keyFile,
      "-out", made.file,
    ]
    _ = await (try ServerChild.start(arguments + options, input: nothing, output: folder.log)).wait()
    guard access(made.file, R_OK) == 0, access(made.keyFile, R_OK) == 0 else {
      throw ServerError(.system, "openssl has made no certificate. The end of its output:\n\(folder.logTail)")
    }
    return made
  }
}
