internal import ArgumentParser
internal import Latchkey

/// The files of encrypted connections.
struct TLSOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The authorities that may vouch for the servers (PEM); for rediss, redlocks and etcds (default: the system's).",
      valueName: "file"
    ),
    completion: .file()
  )
  var caFile: String?

  @Option(
    help: ArgumentHelp("This client's certificate (PEM), where servers ask for one.", valueName: "file"),
    completion: .file()
  )
  var certFile: String?

  @Option(help: ArgumentHelp("The private key of --cert-file (PEM).", valueName: "file"), completion: .file())
  var keyFile: String?

  @Option(
    help: ArgumentHelp(
      "The name in the servers' certificates, where the URL has another host, as through a tunnel: one for all, or a list.",
      valueName: "name,…"
    ),
  )
  var serverName: String?

  func validate() throws {
    guard (self.certFile == nil) == (self.keyFile == nil) else {
      throw ValidationError("--cert-file and --key-file go together: give both")
    }
  }

  private var isEmpty: Bool {
    [self.caFile, self.certFile, self.keyFile, self.serverName].allSatisfy { $0 == nil }
  }

  /// Puts the files into a URL, and looks whether they can be read.
  ///
  /// - Parameters:
  ///   - url: The URL; options win over what it says.
  ///   - isOneOfSeveral: Whether there are other URLs that the options may be meant for.
  func apply(to url: inout LockURL, isOneOfSeveral: Bool) throws {
    guard url.scheme.usesTLS else {
      guard self.isEmpty || isOneOfSeveral else {
        throw CommandFailure(
          .usage,
          "\(url.scheme.rawValue): is not encrypted, so TLS options are of no use; \(Self.remedy(url))"
        )
      }
      return
    }
    if let caFile { url.authorityFile = caFile }
    if let certFile { url.certificateFile = certFile }
    if let keyFile { url.keyFile = keyFile }
    if let serverName, let problem = url.setServerNames(serverName) {
      throw CommandFailure(.usage, "--server-name \(problem)")
    }
    guard (url.certificateFile == nil) == (url.keyFile == nil) else {
      throw CommandFailure(.usage, "a client's certificate and its key go together: give --cert-file and --key-file")
    }
    url.authorityFile = try Self.readable(url.authorityFile, "--ca-file")
    url.certificateFile = try Self.readable(url.certificateFile, "--cert-file")
    url.keyFile = try Self.readable(url.keyFile, "--key-file")
  }

  private static func readable(_ file: String?, _ option: String) throws(CommandFailure) -> String? {
    guard let file else { return nil }
    do {
      return try ReadableFile.path(file)
    } catch {
      throw CommandFailure(.usage, "\(option): \(error); check its path and permissions")
    }
  }

  private static func remedy(_ url: LockURL) -> String {
    switch url.scheme {
    case .zookeeper: "the client library under zookeeper: has no TLS, leave them out"
    case .local, .channel: "leave them out"
    default: "write \(url.scheme.rawValue)s:// if the servers speak TLS, or leave them out"
    }
  }
}
