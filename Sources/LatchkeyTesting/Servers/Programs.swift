#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Where the programs of servers are on this machine.
enum Programs {
  /// The path of a program, or an error that says which package to install.
  ///
  /// - Parameters:
  ///   - name: The program's name, searched on the `PATH` and where Debian puts servers.
  ///   - package: The Debian package that has it.
  static func path(of name: String, package: String) throws(ServerError) -> String {
    let search = getenv("PATH").map { String(cString: $0) } ?? ""
    for folder in search.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/sbin", "/usr/local/bin"] {
      let path = folder + "/" + name
      if access(path, X_OK) == 0 { return path }
    }
    throw ServerError(.missing, "There is no `\(name)` on this machine. \(Self.advice(package))")
  }

  /// Checks that a file is there, or throws an error that says which package to install.
  static func require(file: String, package: String) throws(ServerError) {
    guard access(file, R_OK) == 0 else {
      throw ServerError(.missing, "There is no \(file) on this machine. \(Self.advice(package))")
    }
  }

  private static func advice(_ package: String) -> String {
    "On Debian and Ubuntu, `apt-get install \(package)` installs it, and so does scripts/setup."
  }
}
