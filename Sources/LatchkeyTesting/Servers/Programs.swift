internal import LatchkeyProcesses

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
    if let path = Program.path(name, others: ["/usr/bin", "/usr/sbin", "/usr/local/bin"]) { return path }
    throw ServerError(.missing, "There is no `\(name)` on this machine. \(Self.advice(package))")
  }

  /// Checks that a file is there, or throws an error that says which package to install.
  static func require(file: String, package: String) throws(ServerError) {
    guard Self.isReadable(file) else {
      throw ServerError(.missing, "There is no \(file) on this machine. \(Self.advice(package))")
    }
  }

  static func isReadable(_ file: String) -> Bool { access(file, R_OK) == 0 }

  /// The value of an environment variable by which a test run chooses another server; nil if it is unset or empty.
  static func choice(_ variable: String) -> String? {
    guard let value = Environment.value(variable), !value.isEmpty else { return nil }
    return value
  }

  private static func advice(_ package: String) -> String {
    "On Debian and Ubuntu, `apt-get install \(package)` installs it, and so does scripts/setup."
  }
}
